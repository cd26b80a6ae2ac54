"""Asks the workers how they are: ready or not, slots, windows, limits, what recovered early."""

import asyncio
import random
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Never, Self

from proxy.core.account import ANY_MODEL, Account, AccountName, ModelFamily
from proxy.core.cooldown import BackoffPolicy, Cooldown, Reason
from proxy.core.probe import Login, Probe, reported_rests, reported_windows
from proxy.pool import AccountPool
from proxy.states import MISSES, States
from proxy.store.base import Store


@dataclass(frozen=True, slots=True)
class ProbePolicy:
    """Seconds between probes (jittered), at least between hinted ones, and for an answer.

    A worker that has missed `misses` in a row, or the very first, is out of service.
    """

    interval: float = 2.0
    gap: float = 1.0
    timeout: float = 2.0
    misses: int = 2
    at_once: int = 32


@dataclass(slots=True)
class _Watch:
    """One worker, and what it last told. `asked`: ever; `up` means that it was ready then.

    `ends` is when the limit behind its rests was to end, as it said; inf where it did not.
    """

    account: Account
    hinted: asyncio.Event = field(default_factory=asyncio.Event)
    misses: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    up: asyncio.Event = field(default_factory=asyncio.Event)
    login: Login | None = None
    rests: Mapping[ModelFamily, Cooldown] = field(default_factory=dict)
    ends: float = inf
    task: asyncio.Task[Never] | None = None


class Prober:
    """One task a worker, for as long as it is entered. Plain Messages APIs are left alone."""

    def __init__(
        self,
        pool: AccountPool,
        store: Store,
        accounts: Iterable[Account] = (),
        policy: ProbePolicy | None = None,
    ) -> None:
        self._pool = pool
        self._store = store
        self._accounts = tuple(accounts)
        self._policy = policy or ProbePolicy()
        self._backoff = BackoffPolicy()
        self._watches: dict[AccountName, _Watch] = {}
        self._states = States(self._policy.timeout, self._policy.at_once)
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._states.__aenter__()
        await self._tasks.__aenter__()
        self.replace(self._accounts)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.replace(())
        try:
            await self._tasks.__aexit__(None, None, None)
        finally:
            await self._states.__aexit__()

    def hint(self, account: AccountName) -> None:
        """Something went wrong there: ask at once."""
        if (watch := self._watches.get(account)) is not None:
            watch.hinted.set()

    async def ready(self, account: AccountName) -> None:
        """Wait until a worker is found ready; for ever if it is none that is watched."""
        watch = self._watches.get(account)
        await (watch.up if watch else asyncio.Event()).wait()

    async def surveyed(self) -> None:
        """Wait until every worker has been asked once: till then it is a guess who serves."""
        for watch in tuple(self._watches.values()):
            await watch.asked.wait()

    def replace(self, accounts: Iterable[Account]) -> None:
        """Watch these accounts from now on."""
        wanted = {account.name: account for account in accounts if not account.plain}
        for name, watch in tuple(self._watches.items()):
            if not _same_worker(wanted.get(name), watch.account):
                del self._watches[name]
                if watch.task is not None:
                    watch.task.cancel()
        for name, account in wanted.items():
            if name not in self._watches:
                watch = self._watches[name] = _Watch(account)
                watch.task = self._tasks.create_task(self._watch(watch))

    async def _watch(self, watch: _Watch) -> Never:
        while True:
            watch.hinted.clear()
            try:
                probe = await self._states.ask(watch.account.url, watch.account.headers)
            except MISSES:
                self._miss(watch)
            else:
                await self._take_in(watch, probe)
            watch.asked.set()
            await self._pause(watch)

    async def _pause(self, watch: _Watch) -> None:
        """Wait for the next turn, less for a hint, but never so little that probing is a load."""
        policy = self._policy
        await asyncio.sleep(policy.gap)
        left = policy.interval * random.uniform(0.8, 1.2) - policy.gap  # noqa: S311 (jitter)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, left)):
                await watch.hinted.wait()

    def _miss(self, watch: _Watch) -> None:
        """It may have restarted: what it does not tell from now on may be merely forgotten."""
        watch.misses += 1
        watch.rests = {}
        if watch.misses >= self._policy.misses or not watch.asked.is_set():
            watch.up.clear()
            self._pool.set_ready(watch.account.name, ready=False, reason="unreachable")

    async def _take_in(self, watch: _Watch, probe: Probe) -> None:
        name, now = watch.account.name, self._pool.now()
        rests = reported_rests(probe, now, self._backoff)
        for family, cooldown in rests.items():
            await self._store.rest(name, family, cooldown)
        for family, cooldown in watch.rests.items():
            if family not in rests and now < watch.ends:
                await self._store.wake(name, family, cooldown.reason)
        await self._recover(watch, probe)
        self._pool.observe(name, reported_windows(probe, now))
        if probe.slots is not None:
            self._pool.set_slots(name, probe.slots.max)
        self._pool.set_ready(name, ready=probe.ready, reason=probe.reason or Reason.NOT_READY)
        watch.misses, watch.login, watch.rests = 0, probe.login, rests
        watch.ends = inf if probe.limit is None or probe.limit.until is None else probe.limit.until
        (watch.up.set if probe.ready else watch.up.clear)()

    async def _recover(self, watch: _Watch, probe: Probe) -> None:
        """End what the worker's return, or a new login, makes pointless."""
        if not probe.ready:
            return
        name = watch.account.name
        if watch.misses or not watch.up.is_set():
            await self._store.wake(name, ANY_MODEL, Reason.FAILING)
        news = not watch.up.is_set() or probe.login != watch.login
        if news and (probe.login is None or probe.login.ok):
            await self._store.wake(name, ANY_MODEL, Reason.AUTH)


def _same_worker(one: Account | None, other: Account) -> bool:
    return one is not None and (one.url, one.headers) == (other.url, other.headers)

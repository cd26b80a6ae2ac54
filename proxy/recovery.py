"""Finds accounts that recovered before their time: now and then a long rest is put to the test.

A trial is a slot on an account of its own, `NAME/trial`, which rests between trials. So it is one
at a time in the whole fleet, and the store keeps the pace, whichever replica has its turn.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Never, Protocol

import structlog

from proxy.core.account import ANY_MODEL, AccountName, ModelFamily
from proxy.core.cooldown import BackoffPolicy, Cooldown, Reason, cooldown_after
from proxy.core.recovery import doubtful, trial_model
from proxy.core.verdict import Kind, Verdict
from proxy.errors import ProxyError
from proxy.pool import NOT_READY, AccountPool, Call
from proxy.store.base import Candidate, Settlement, Slot, Store, Wish

log = structlog.get_logger(__name__)

Ask = Callable[[AccountName, ModelFamily, str], Awaitable[Verdict | None]]
"""Sends a small request for a model to an account; None where no answer comes."""

Key = tuple[AccountName, ModelFamily]


@dataclass(frozen=True, slots=True)
class RecoveryPolicy:
    """Seconds between two trials of an account (None: no trials), and between two looks.

    A rest that ends within half of that is left to end. `model` is asked for where
    the whole account rests; None is the cheapest that clients have asked for.
    """

    every: float | None = 900.0
    look: float = 30.0
    model: str | None = None


class RecoveryEvents(Protocol):
    """What is told of trials; `Metrics` satisfies it."""

    def account_tried(self, account: str, verdict: str) -> None:
        """A long rest was put to the test; `verdict` is `none` where no answer came."""


class Recovery:
    """Tries accounts that have rested for `every` seconds and would rest for long yet.

    `models` has one that clients asked for of each family; it changes as they ask.
    """

    def __init__(
        self,
        pool: AccountPool,
        store: Store,
        ask: Ask,
        models: Mapping[ModelFamily, str],
        events: RecoveryEvents,
    ) -> None:
        self.policy = RecoveryPolicy()
        self._pool = pool
        self._store = store
        self._ask = ask
        self._models = models
        self._events = events
        self._since: dict[Key, float] = {}

    async def run(self) -> Never:
        """Look again and again, for ever."""
        while True:
            await asyncio.sleep(self.policy.look)
            await self.look(self._pool.now())

    async def look(self, now: float) -> None:
        """Try what is due, one after the other: there is no hurry."""
        if (every := self.policy.every) is None:
            return
        doubted = await self._doubted(now + every / 2)
        self._since = {key: self._since.get(key, now) for key in doubted}
        for key, rest in doubted.items():
            if now - self._since[key] >= every and await self._try(key, rest.reason, now):
                self._since[key] = now

    async def _doubted(self, beyond: float) -> dict[Key, Cooldown]:
        return {
            (status.name, family): rest
            for status in await self._pool.states()
            if status.state != NOT_READY
            for family, rest in doubtful(status.cooldowns, beyond).items()
        }

    async def _try(self, key: Key, reason: Reason, now: float) -> bool:
        """Put one rest to the test; False if it is another replica's turn, or none's."""
        account, family = key
        model = trial_model(family, self._models, self.policy.model)
        slot = None if model is None else await self._turn(account, now)
        if model is None or slot is None:
            return False
        try:
            verdict = await self._ask(account, family, model)
        finally:
            self._store.settle(slot, Settlement())
        kind = "none" if verdict is None else verdict.kind
        log.info("account tried", account=account, family=family, verdict=kind)
        self._events.account_tried(account, kind)
        if verdict is not None:
            await self._learn(key, reason, verdict, now)
        return True

    async def _turn(self, account: AccountName, now: float) -> Slot | None:
        """Get the slot of a trial; the next is given `every` later, whatever becomes of this."""
        own = AccountName(f"{account}/trial")
        wish = Wish(secrets.token_hex(8), None, ANY_MODEL, (Candidate(own, 1),))
        found = await self._store.claim(wish)
        if not isinstance(found, Slot):
            return None
        pause = Cooldown(now + (self.policy.every or 0.0), Reason.BURST)
        await self._store.rest(own, ANY_MODEL, pause)
        return found

    async def _learn(self, key: Key, reason: Reason, verdict: Verdict, now: float) -> None:
        """Wake what served; what still refuses may say until when."""
        account, family = key
        if verdict.kind is Kind.OK:
            await self._store.wake(account, family, reason)
            await self._prove(account, family, verdict)
            return
        told = cooldown_after(verdict, 1, now, BackoffPolicy(), 0.0)
        if told is not None and told.reason is reason:
            await self._store.rest(account, family, told)

    async def _prove(self, account: AccountName, family: ModelFamily, verdict: Verdict) -> None:
        """Let the trial be the one request that goes first, unless a client's is faster."""
        others = {status.name for status in await self._pool.states()} - {account}
        call = Call(f"trial-{account}", "headgate", None, family, max_wait=0.0)
        with suppress(ProxyError):
            async with self._pool.lease(call, others) as lease:
                lease.verdict = verdict

"""The shared store while it is there, and this replica alone while it is not.

No request fails because the shared store is away. The first answer that does not come sends the
replica on alone, at once and for every request; a probe in the background finds the store again.
It is told then what was learned meanwhile, and which requests run.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Never, Protocol, Self, TypeVar

import structlog

from proxy.core.account import ANY_MODEL, AccountName, ModelFamily
from proxy.core.cooldown import Cooldown, Reason
from proxy.store.alone import Alone, Known, Shared
from proxy.store.away import Away, StoreAwayError
from proxy.store.base import (
    Listener,
    Nobody,
    Refusal,
    Settlement,
    Slot,
    Snapshot,
    Store,
    StorePolicy,
    Wish,
)
from proxy.store.scout import Scout

log = structlog.get_logger(__name__)

T = TypeVar("T")


class FallbackEvents(Protocol):
    """What is told of the shared store; `Metrics` satisfies it."""

    def store_answered(self, seconds: float) -> None:
        """A claim took so long."""

    def store_left(self, kind: Away) -> None:
        """It is away, and this replica alone."""

    def store_returned(self, seconds: float) -> None:
        """It is back, after so long."""


@dataclass(frozen=True, slots=True)
class FallbackPolicy:
    """`replicas` is assumed until they have been counted.

    The shared store is looked after every `interval` seconds (jittered). Where it goes away again
    within `proof` of its return, the pause before the next look is doubled, up to `longest`.
    """

    replicas: int = 1
    interval: float = 1.0
    longest: float = 4.0
    proof: float = 10.0


class FallbackStore:
    """`Store` that is never away. Entered for as long as it serves."""

    def __init__(
        self, shared: Shared, policy: StorePolicy, fallback: FallbackPolicy, events: FallbackEvents
    ) -> None:
        self._shared = shared
        self._policy = policy
        self._fallback = fallback
        self._events = events
        self._listener: Listener = Nobody()
        self._known = Known(fallback.replicas)
        self._alone: Alone | None = None
        self._held: dict[str, Slot] = {}
        self._left_at = self._back_at = time.monotonic() - fallback.proof
        self._pause = fallback.interval
        self._news = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._look()
            group = await stack.enter_async_context(asyncio.TaskGroup())
            stack.callback(group.create_task(self._look_for_ever()).cancel)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def away(self) -> bool:
        """Whether this replica is on its own."""
        return self._alone is not None

    def watch(self, listener: Listener) -> None:
        self._listener = listener
        self._shared.watch(Scout(listener, self._news))
        if self._alone is not None:
            self._alone.watch(listener)

    def now(self) -> float:
        return self._shared.now()

    def guess(self, session: str, family: ModelFamily) -> AccountName | None:
        alone = self._alone
        own = None if alone is None else alone.guess(session, family)
        return own or self._shared.guess(session, family)

    async def claim(self, wish: Wish) -> Slot | Refusal:
        alone, asked_at = self._alone, time.monotonic()
        if alone is None:
            try:
                found = await self._shared.claim(wish)
            except StoreAwayError as error:
                alone = self._leave(error.kind)
            else:
                self._events.store_answered(time.monotonic() - asked_at)
                return self._hold(found)
        return self._hold(await alone.claim(wish))

    def prove(self, slot: Slot) -> None:
        if self._alone is not None:
            self._alone.prove(slot)
        if not self._granted_here(slot):
            self._shared.prove(slot)

    def settle(self, slot: Slot, settlement: Settlement) -> None:
        self._held.pop(slot.id, None)
        if not self._granted_here(slot):
            self._shared.settle(slot, settlement)
        if self._alone is not None:
            self._alone.settle(slot, settlement)
        elif (cooldown := settlement.cooldown) is not None:
            self._known.news.append((slot.account, settlement.family or ANY_MODEL, cooldown))

    async def renew(self, slots: Sequence[Slot]) -> None:
        await self._either(lambda store: store.renew(slots))

    async def rest(self, account: AccountName, family: ModelFamily, cooldown: Cooldown) -> None:
        if self._alone is None:
            self._known.news.append((account, family, cooldown))
        await self._either(lambda store: store.rest(account, family, cooldown))

    async def wake(
        self, account: AccountName, family: ModelFamily, reason: Reason | None = None
    ) -> None:
        await self._either(lambda store: store.wake(account, family, reason))

    async def snapshot(self) -> Snapshot:
        return await self._either(lambda store: store.snapshot())

    async def _either(self, ask: Callable[[Store], Awaitable[T]]) -> T:
        """Ask the shared store, or, where that is away, the one in its place."""
        alone = self._alone
        if alone is None:
            try:
                return await ask(self._shared)
            except StoreAwayError as error:
                alone = self._leave(error.kind)
        return await ask(alone)

    def _hold(self, found: Slot | Refusal) -> Slot | Refusal:
        if isinstance(found, Slot):
            self._held[found.id] = found
            if not self._granted_here(found) and self._alone is not None:
                self._alone.hold((found,))
        return found

    def _granted_here(self, slot: Slot) -> bool:
        return self._alone is not None and self._alone.granted(slot)

    def _leave(self, kind: Away) -> Alone:
        """Go on alone, if that is not so already."""
        if self._alone is None:
            self._left_at = time.monotonic()
            soon = self._left_at - self._back_at < self._fallback.proof
            doubled = min(self._fallback.longest, 2 * self._pause)
            self._pause = doubled if soon else self._fallback.interval
            self._alone = Alone(self._policy, self.now, self._known, self._shared)
            self._alone.hold(self._held.values())
            self._alone.watch(self._listener)
            log.warning("shared store left", kind=kind)
            self._events.store_left(kind)
            self._stir(self._alone)
        return self._alone

    async def _look_for_ever(self) -> Never:
        while True:
            pause = self._fallback.interval if self._alone is None else self._pause
            with suppress(TimeoutError):
                async with asyncio.timeout(pause * random.uniform(0.5, 1)):  # noqa: S311 (jitter)
                    await self._news.wait()
            self._news.clear()
            await self._look()

    async def _look(self) -> None:
        """See how the fleet stands, and whether the shared store is there."""
        try:
            if self._alone is not None:
                await self._return(self._alone)
            await self._see()
        except StoreAwayError as error:
            self._leave(error.kind)

    async def _see(self) -> None:
        news = len(self._known.news)
        await self._beat()
        snapshot = await self._shared.snapshot()
        self._known.take_in(snapshot, news)

    async def _beat(self) -> None:
        """Say that this replica lives. A store that forgot all is reminded of what matters."""
        beat, known = await self._shared.beat(), self._known
        if known.birth not in {"", beat.birth}:
            for account, family, cooldown in tuple(known.rests()):
                await self._shared.rest(account, family, cooldown)
            if self._alone is None:
                await self._shared.renew(tuple(self._held.values()))
        known.birth, known.replicas = beat.birth, beat.replicas

    async def _return(self, alone: Alone) -> None:
        """Teach the shared store what it missed, and claim there from then on.

        The leases are renewed before any claim that comes later: what runs, counts.
        """
        await self._beat()
        await alone.teach((await self._shared.snapshot()).now)
        self._alone, self._back_at = None, time.monotonic()
        seconds = self._back_at - self._left_at
        await self._shared.renew(tuple(self._held.values()))
        log.info("shared store back", seconds=round(seconds, 3))
        self._events.store_returned(seconds)
        self._stir(alone)

    def _stir(self, alone: Alone) -> None:
        """Let all who wait try again: what an account may carry has changed."""
        for account in tuple(alone.gates):
            self._listener.account_freed(account)

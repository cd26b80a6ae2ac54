"""How a call comes to a slot: its session's own account, else the ranked ones, else the line."""

import asyncio
import itertools
import random
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Never, Protocol

from proxy.admission import Admission, QueueEvents, QueuePolicy
from proxy.core.account import AccountName
from proxy.core.cooldown import BackoffPolicy
from proxy.core.ranking import rank
from proxy.core.verdict import Verdict
from proxy.roster import Roster
from proxy.store.base import Candidate, Reach, Refusal, Slot, Standing, Store, Wish
from proxy.store.settling import NEUTRAL, settlement
from proxy.waiter import Call, Waiter


@dataclass(frozen=True, slots=True)
class PoolPolicy:
    """How long a session waits for its own account, and how often leases are renewed (seconds)."""

    spill_after: float = 20.0
    renew_every: float = 15.0
    queue: QueuePolicy = field(default_factory=QueuePolicy)
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)


class ClaimEvents(QueueEvents, Protocol):
    """What is told of claims."""

    def session_placed(self, placing: str) -> None:
        """A request got an account, in this way."""


class Claims:
    """Claims slots of the store for calls, keeps them, and settles them."""

    def __init__(
        self, store: Store, roster: Roster, policy: PoolPolicy, events: ClaimEvents
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.admission = Admission(self._claim, self._drop, policy.queue, events)
        self._store = store
        self._roster = roster
        self._policy = policy
        self._events = events
        self._held: dict[str, Slot] = {}
        self._ids = itertools.count()
        self._prefix = secrets.token_hex(4)

    def now(self) -> float:
        """The store's clock."""
        return self._store.now()

    def adjust(self, policy: PoolPolicy) -> None:
        """Go by this policy from now on; who waits already waits by the old one."""
        self._policy = policy
        self.admission.adjust(policy.queue)

    async def take(self, call: Call, skip: Collection[AccountName]) -> Slot:
        """Get a slot. Raises what the client is to be told if there is none in time."""
        waiter = self._waiter(call, frozenset(skip))
        slot = await self._slot(waiter)
        self._held[slot.id] = slot
        self._events.session_placed(slot.placing)
        return slot

    def prove(self, slot: Slot) -> None:
        """Tell that the account began to serve."""
        if slot.standing is not Standing.TRUSTED:
            self._store.prove(slot)

    def settle(self, slot: Slot, verdict: Verdict | None) -> None:
        """Give a slot back and let its account bear what the verdict says; None is neutral."""
        del self._held[slot.id]
        fraction = random.random()  # noqa: S311 - it spreads load and guards nothing
        told = settlement(verdict, slot, self.now(), self._policy.backoff, fraction)
        self._store.settle(slot, told)

    async def renew_for_ever(self) -> Never:
        """Keep the leases of all that is held."""
        while True:
            await asyncio.sleep(self._policy.renew_every)
            await self._store.renew(tuple(self._held.values()))

    async def _slot(self, waiter: Waiter) -> Slot:
        news = self.admission.news
        if self.admission.open:
            found = await self._claim(waiter)
            if isinstance(found, Slot):
                return found
            error = waiter.hopeless(found, self._loop.time())
            if error is not None:
                raise error
            waiter.refusal = found
        return await self.admission.wait(waiter, news)

    def _waiter(self, call: Call, skip: frozenset[AccountName]) -> Waiter:
        now = self._loop.time()
        wait = self._policy.queue.max_wait
        if call.max_wait is not None:
            wait = min(wait, call.max_wait)
        hurried = skip or not call.patient
        patience = 0.0 if hurried else min(self._policy.spill_after, wait / 2)
        return Waiter(
            id=f"{self._prefix}{next(self._ids)}",
            call=call,
            skip=skip,
            came_at=now,
            spills_at=now + patience,
            deadline=now + wait,
            again_in=1 + random.random(),  # noqa: S311 - as above
        )

    async def _claim(self, waiter: Waiter) -> Slot | Refusal:
        found = await self._claim_own(waiter)
        return await self._claim_any(waiter) if found is None else found

    async def _claim_own(self, waiter: Waiter) -> Slot | Refusal | None:
        """Ask for the account that the session is known to have: it costs no ranking.

        None if it has none, or should go elsewhere.
        """
        session, family = waiter.call.session, waiter.call.family
        own = None if session is None else self._store.guess(session, family)
        if own is None or own in waiter.skip or not (alone := self._roster.alone(own)):
            return None
        found = await self._store.claim(self._wish(waiter, alone, Reach.OWN))
        if isinstance(found, Slot) or waiter.holds(found, self._loop.time()):
            return found
        return None

    async def _claim_any(self, waiter: Waiter) -> Slot | Refusal:
        candidates = self._candidates(waiter)
        if waiter.spills_at > (now := self._loop.time()):
            found = await self._store.claim(self._wish(waiter, candidates, Reach.HOLD))
            if isinstance(found, Slot) or found.own is None or waiter.holds(found, now):
                return found
            waiter.spills_at = now
        return await self._store.claim(self._wish(waiter, candidates, Reach.SPILL))

    def _candidates(self, waiter: Waiter) -> Sequence[Candidate]:
        call = waiter.call
        ranked = rank(call.parent or call.session, self._roster.shares(call.family, self.now()))
        if call.parent is not None:
            home = self._store.guess(call.parent, call.family)
            ranked = sorted(ranked, key=lambda share: share.name != home)
        return self._roster.candidates(ranked, waiter.skip)

    def _wish(self, waiter: Waiter, candidates: Sequence[Candidate], reach: Reach) -> Wish:
        call, wait = waiter.call, max(0.0, waiter.deadline - self._loop.time())
        return Wish(waiter.id, call.session, call.family, candidates, reach, wait)

    def _drop(self, slot: Slot) -> None:
        self._store.settle(slot, NEUTRAL)

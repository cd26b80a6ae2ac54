"""The store of a single process: exact, because nothing awaits between reading and writing."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from math import inf
from typing import NamedTuple

from proxy.core.account import ANY_MODEL, AccountName, ModelFamily
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.ranking import choose
from proxy.store.affinity import Affinity, Binding
from proxy.store.base import (
    LIMIT_REASONS,
    SOFT_REASONS,
    Listener,
    Nobody,
    Placing,
    Reach,
    Refusal,
    Settlement,
    Slot,
    Snapshot,
    Standing,
    StorePolicy,
    Wish,
)
from proxy.store.gate import Gate, Held


class _Tie(NamedTuple):
    """How a session stands to its own account; with a `standing`, it is served there."""

    placing: Placing
    own: AccountName | None = None
    binds: ModelFamily | None = None
    standing: Standing | None = None
    waits: bool = False


class MemoryStore:
    """`Store` on dicts. `gates` and `affinity` are open to whoever saves and restores them."""

    def __init__(
        self, policy: StorePolicy | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._policy = policy or StorePolicy()
        self._clock = clock
        self._listener: Listener = Nobody()
        self.gates: defaultdict[AccountName, Gate] = defaultdict(Gate)
        self.affinity = Affinity(self._policy.affinity_ttl, self._policy.affinity_limit)

    def watch(self, listener: Listener) -> None:
        self._listener = listener

    def now(self) -> float:
        return self._clock()

    def guess(self, session: str, family: ModelFamily) -> AccountName | None:
        return self.affinity.peek(session, family, self._clock())

    async def claim(self, wish: Wish) -> Slot | Refusal:
        now = self._clock()
        for candidate in wish.candidates:
            gate = self.gates[candidate.name]
            gate.concurrency = candidate.concurrency
            if (held := gate.held.get(wish.id)) is not None:
                return held.slot
        tie = self._tie(wish, now)
        if tie.own is not None and tie.standing is not None:
            return self._grant(wish, tie, tie.own, tie.standing)
        if tie.own is not None and tie.waits and wish.reach is not Reach.SPILL:
            return self._refusal(wish, now, own=tie.own)
        if wish.reach is Reach.OWN:
            return Refusal(now)
        return self._elsewhere(wish, tie, now)

    def prove(self, slot: Slot) -> None:
        held = self._held(slot, self._clock())
        if held is not None:
            self.gates[slot.account].prove(held)
            self._listener.account_freed(slot.account)

    def settle(self, slot: Slot, settlement: Settlement) -> None:
        now = self._clock()
        held = self._held(slot, now)
        if held is None:
            return
        began = self.gates[slot.account].settle(held, settlement, now)
        if began and settlement.cooldown is not None:
            self._listener.account_rested(slot.account, settlement.cooldown.reason)
        if settlement.proven and slot.binds is not None:
            self._rebind(slot, slot.binds, now)
        self._listener.account_freed(slot.account)

    async def renew(self, slots: Sequence[Slot]) -> None:
        now = self._clock()
        for slot in slots:
            self.gates[slot.account].renew(slot, now + self._policy.lease_ttl, now)

    async def rest(self, account: AccountName, family: ModelFamily, cooldown: Cooldown) -> None:
        if self.gates[account].rest(family, cooldown, self._clock()):
            self._listener.account_rested(account, cooldown.reason)

    async def wake(
        self, account: AccountName, family: ModelFamily, reason: Reason | None = None
    ) -> None:
        if self.gates[account].wake(family, reason, self._clock()):
            self._listener.account_woken(account)

    async def snapshot(self) -> Snapshot:
        now = self._clock()
        return Snapshot(now, {name: gate.state(now) for name, gate in self.gates.items()})

    def _held(self, slot: Slot, now: float) -> Held | None:
        """A slot that is still out; one whose lease has run out is as good as given back."""
        held = self.gates[slot.account].held.get(slot.id)
        return held if held is not None and held.expires > now else None

    def _tie(self, wish: Wish, now: float) -> _Tie:
        if wish.session is None:
            return _Tie(Placing.UNBOUND)
        binding = self.affinity.find(wish.session, now)
        if binding is None:
            return _Tie(Placing.FIRST)
        own = binding.own(wish.family)
        candidate = next((c for c in wish.candidates if c.name == own), None)
        gate = self.gates[own]
        rest = gate.resting(wish.family, now)
        if candidate is None or (rest is not None and rest.reason not in SOFT_REASONS):
            return _Tie(Placing.MOVED, own, self._rebinds(wish, binding, now))
        standing = None if candidate.tried or rest else gate.standing(wish.family, now)
        if standing is None:
            return _Tie(Placing.SPILLED, own, waits=not candidate.tried)
        return _Tie(Placing.HIT, own, standing=standing)

    def _rebinds(self, wish: Wish, binding: Binding, now: float) -> ModelFamily:
        """What moves: all of the session, or one family where only that is kept off its account."""
        if wish.family in binding.families:
            return wish.family
        gate = self.gates[binding.account]
        whole = gate.resting(ANY_MODEL, now)
        if gate.resting(wish.family, now) is None or (whole and whole.reason not in SOFT_REASONS):
            return ANY_MODEL
        in_service = any(c.name == binding.account for c in wish.candidates)
        return wish.family if in_service else ANY_MODEL

    def _elsewhere(self, wish: Wish, tie: _Tie, now: float) -> Slot | Refusal:
        loads = {
            candidate.name: load
            for candidate in wish.candidates
            if not candidate.tried
            and (load := self.gates[candidate.name].load(candidate.share, wish.family, now))
        }
        best = choose(tuple(loads.values()), drawn=wish.session is not None)
        if best is None:
            return self._refusal(wish, now)
        account = tuple(loads)[best]
        standing = self.gates[account].standing(wish.family, now)
        return self._grant(wish, tie, account, standing) if standing else self._refusal(wish, now)

    def _refusal(self, wish: Wish, now: float, own: AccountName | None = None) -> Refusal:
        waited_for = [
            self.gates[candidate.name].resting(wish.family, now)
            for candidate in wish.candidates
            if not candidate.tried and own in {None, candidate.name}
        ]
        rests = [rest for rest in waited_for if rest is not None]
        return Refusal(
            now,
            full=len(rests) < len(waited_for),
            limited=any(rest.reason in LIMIT_REASONS for rest in rests),
            until=min((rest.until for rest in rests if rest.until < inf), default=None),
            own=own,
        )

    def _grant(self, wish: Wish, tie: _Tie, account: AccountName, standing: Standing) -> Slot:
        now = self._clock()
        gate = self.gates[account]
        slot = Slot(
            id=wish.id,
            account=account,
            family=wish.family,
            placing=tie.placing,
            granted_at=now,
            session=wish.session,
            own=tie.own,
            binds=tie.binds,
            standing=standing,
            streak=gate.streak,
        )
        gate.hold(slot, now + self._policy.lease_ttl)
        if wish.session is not None and tie.placing is Placing.FIRST:
            self.affinity.bind(wish.session, account, ANY_MODEL, now)
        return slot

    def _rebind(self, slot: Slot, family: ModelFamily, now: float) -> None:
        """Move a session after its replacement served, unless another moved it meanwhile."""
        if slot.session is None:
            return
        if self.affinity.peek(slot.session, slot.family, now) in {None, slot.own}:
            self.affinity.bind(slot.session, slot.account, family, now)

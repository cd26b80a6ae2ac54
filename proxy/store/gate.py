"""One account's gate: who is in flight, how many may be, and whether it rests.

Pure: every method takes `now`. The memory store keeps one gate an account.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Final

from proxy.core.account import ANY_MODEL, AccountState, ModelFamily
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.ranking import Load
from proxy.store.base import SOFT_REASONS, Pressure, Settlement, Slot, Standing

SHRINK: Final = 0.7
"""What a burst leaves of the limit."""

CAUTION: Final = 10
"""How many windows it takes to go back to a limit that has met a burst, instead of one."""

ESTIMATED: Final = SOFT_REASONS | {Reason.FAILING}
"""Rests of our own making: what was sent before one began does not begin it anew."""


@dataclass(slots=True)
class Held:
    """A slot that is out, until when its lease lasts, and whether it has proved the account."""

    slot: Slot
    expires: float
    proved: bool = False


@dataclass(slots=True)
class Rest:
    """A cooldown and what follows it: probation (`ramp` 0: one canary), then slow start.

    `ramp` is how many requests granted since `until` may be out at once.
    """

    until: float
    reason: Reason
    ramp: int = 0


@dataclass(slots=True)
class Gate:
    """`learned` is the limit that bursts have taught, None while it is the whole concurrency.

    `ceiling` is the limit that met the latest burst, None once it has been gone back to.
    `counted_at` is when the last failure was counted: of slots granted by then none counts again.
    No lease ends before `soonest`.
    """

    concurrency: int = 1
    held: dict[str, Held] = field(default_factory=dict)
    soonest: float = inf
    rests: dict[ModelFamily, Rest] = field(default_factory=dict)
    streak: int = 0
    counted_at: float = -inf
    learned: int | None = None
    ceiling: int | None = None
    clean: int = 0
    saturated: bool = False

    @property
    def limit(self) -> int:
        if self.learned is None:
            return self.concurrency
        return min(self.learned, self.concurrency)

    def resting(self, family: ModelFamily, now: float) -> Rest | None:
        """The later of the cooldowns that keep this family off the account, if any stands."""
        if not self.rests:
            return None
        found = [rest for _, rest in self._rests_of(family) if rest.until > now]
        return max(found, key=lambda rest: rest.until, default=None)

    def standing(self, family: ModelFamily, now: float) -> Standing | None:
        """How the account would be trusted with one request more; None without room for it."""
        if self.in_flight(now) >= self.limit:
            return None
        standing = Standing.TRUSTED
        for scope, rest in self._rests_of(family):
            if self._out_since(rest.until, scope) >= max(1, rest.ramp):
                return None
            if rest.ramp == 0:
                standing = Standing.CANARY
            elif standing is Standing.TRUSTED:
                standing = Standing.RISING
        return standing

    def load(self, share: float, family: ModelFamily, now: float) -> Load | None:
        """What the account carries, for `choose`; None while it rests."""
        in_flight = self.in_flight(now)
        if not self.rests:
            return Load(share, in_flight, in_flight < self.limit)
        if self.resting(family, now) is not None:
            return None
        room = self.standing(family, now) is not None
        return Load(share, in_flight, room, self._doubtful(family))

    def hold(self, slot: Slot, expires: float) -> None:
        """Let a request through."""
        self.held[slot.id] = Held(slot, expires)
        self.soonest = min(self.soonest, expires)
        self.saturated = self.saturated or len(self.held) >= self.limit

    def renew(self, slot: Slot, expires: float, now: float) -> None:
        """Keep a lease. One that was lost is taken in again: the request does run."""
        self.drop_expired(now)
        held = self.held.setdefault(slot.id, Held(slot, expires))
        held.expires = expires
        self.soonest = min(self.soonest, expires)

    def in_flight(self, now: float) -> int:
        """How many requests are out."""
        self.drop_expired(now)
        return len(self.held)

    def drop_expired(self, now: float) -> None:
        if self.soonest > now:
            return
        self.held = {id_: held for id_, held in self.held.items() if held.expires > now}
        self.soonest = min((held.expires for held in self.held.values()), default=inf)

    def prove(self, held: Held) -> None:
        """End probation; in slow start, double what may be out. Once a slot."""
        if held.proved:
            return
        held.proved = True
        for scope, rest in self._rests_of(held.slot.family):
            if rest.until <= held.slot.granted_at:
                rest.ramp = 2 * max(1, rest.ramp)
                if rest.ramp >= self.limit:
                    del self.rests[scope]

    def settle(self, held: Held, settlement: Settlement, now: float) -> bool:
        """Take in how a request ended; True if a cooldown began."""
        slot = held.slot
        self.held.pop(slot.id, None)
        fresh = slot.granted_at > self.counted_at
        if settlement.proven:
            self.prove(held)
            self.streak = 0 if fresh else self.streak
        if settlement.pressure is Pressure.CLEAN:
            self._grow()
        if fresh and settlement.failed:
            self.streak += 1
            self.counted_at = now
            if settlement.pressure is Pressure.BURST:
                self._shrink()
        cooldown = settlement.cooldown
        if cooldown is None or not (fresh or self._still_tells(cooldown, slot.family, now)):
            return False
        return self.rest(settlement.family or ANY_MODEL, cooldown, now)

    def rest(self, family: ModelFamily, cooldown: Cooldown, now: float) -> bool:
        """Rest; of two cooldowns the later stands. True if none stood before."""
        standing = self.rests.get(family)
        if standing is not None and standing.until >= cooldown.until:
            return False
        self.rests[family] = Rest(cooldown.until, cooldown.reason)
        return standing is None or standing.until <= now

    def wake(self, family: ModelFamily, reason: Reason | None, now: float) -> bool:
        """End a standing cooldown (of that reason); True if there was one."""
        rest = self.rests.get(family)
        if rest is None or rest.until <= now or reason not in {None, rest.reason}:
            return False
        rest.until = now
        return True

    def state(self, now: float) -> AccountState:
        in_flight = self.in_flight(now)
        if not self.rests:
            return AccountState(in_flight, self.limit, streak=self.streak)
        over = self.rests.get(ANY_MODEL)
        ramp = None if over is None or over.until > now else over.ramp
        return AccountState(
            in_flight=in_flight,
            limit=self.limit if ramp is None else min(self.limit, max(1, ramp)),
            probation=ramp == 0,
            streak=self.streak,
            cooldowns={
                family: Cooldown(rest.until, rest.reason)
                for family, rest in self.rests.items()
                if rest.until > now
            },
        )

    def _rests_of(self, family: ModelFamily) -> Sequence[tuple[ModelFamily, Rest]]:
        """The whole account's rest and the family's, standing or being recovered from."""
        if not self.rests:
            return ()
        scopes = dict.fromkeys((ANY_MODEL, family))
        return [(scope, self.rests[scope]) for scope in scopes if scope in self.rests]

    def _doubtful(self, family: ModelFamily) -> bool:
        return any(
            rest.ramp == 0 and rest.reason is Reason.FAILING for _, rest in self._rests_of(family)
        )

    def _out_since(self, instant: float, scope: ModelFamily) -> int:
        """How many requests in scope are out that were granted since then."""
        return sum(
            held.slot.granted_at >= instant and scope in {ANY_MODEL, held.slot.family}
            for held in self.held.values()
        )

    def _still_tells(self, cooldown: Cooldown, family: ModelFamily, now: float) -> bool:
        """Whether a late failure says more than its moment's first: never by reopening a pause."""
        return cooldown.reason not in ESTIMATED or self.resting(family, now) is not None

    def _grow(self) -> None:
        """Allow one more after a window's worth of clean answers in which the limit was reached.

        Going back to the ceiling takes more of them: it is most likely still there.
        """
        self.clean += 1
        more = self.limit + 1
        at_ceiling = self.ceiling is not None and more >= self.ceiling
        enough = self.limit * (CAUTION if at_ceiling else 1)
        if self.learned is None or not self.saturated or self.clean < enough:
            return
        self.learned = more if more < self.concurrency else None
        self.ceiling = None if at_ceiling else self.ceiling
        self.clean, self.saturated = 0, False

    def _shrink(self) -> None:
        self.ceiling = self.limit
        self.learned = max(1, min(self.limit - 1, ceil(self.limit * SHRINK)))
        self.clean, self.saturated = 0, False

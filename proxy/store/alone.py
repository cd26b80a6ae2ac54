"""The store of one replica that cannot reach the others: exact in itself, and content with a share.

It begins with what was known last. New sessions go where every replica would place them: the
candidates come in the order of the session's own draw.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final, Protocol

from msgspec.structs import replace

from proxy.core.account import ANY_MODEL, AccountName, AccountState, ModelFamily
from proxy.core.cooldown import Cooldown, Reason
from proxy.store.base import (
    Beat,
    Candidate,
    Placing,
    Refusal,
    Settlement,
    Slot,
    Snapshot,
    Store,
    StorePolicy,
    Wish,
)
from proxy.store.gate import Rest
from proxy.store.memory import MemoryStore

News = tuple[AccountName, ModelFamily, Cooldown]
"""That an account, or a family on it, rests."""

AT_ONCE: Final = 100
"""Bindings that are told in one operation."""


class Shared(Store, Protocol):
    """A store that may be away: what is awaited raises StoreAwayError then."""

    async def beat(self) -> Beat:
        """Say, by a write, that this replica lives."""

    async def adopt(self, bindings: Sequence[tuple[str, AccountName]]) -> None:
        """Bind sessions, those apart that are bound."""


class Known:
    """What this replica knows of the shared state: the last snapshot, and its own news since."""

    def __init__(self, replicas: int) -> None:
        self.replicas = replicas
        self.birth = ""
        self.accounts: Mapping[AccountName, AccountState] = {}
        self.news: list[News] = []

    def take_in(self, snapshot: Snapshot, news: int) -> None:
        """Know the fleet anew; the snapshot tells of so many of the news already."""
        self.accounts = snapshot.accounts
        del self.news[:news]

    def rests(self) -> Iterator[News]:
        """Every cooldown that is known."""
        for account, state in self.accounts.items():
            for family, cooldown in state.cooldowns.items():
                yield account, family, cooldown
        yield from self.news


class Alone(MemoryStore):
    """`Store` of one replica, which `teach` makes known what happened here."""

    def __init__(
        self, policy: StorePolicy, clock: Callable[[], float], known: Known, shared: Shared
    ) -> None:
        super().__init__(policy, clock)
        self._replicas = max(1, known.replicas)
        self._shared = shared
        self._granted: set[str] = set()
        self._bound: OrderedDict[str, AccountName] = OrderedDict()
        self._learned: dict[tuple[AccountName, ModelFamily], Cooldown | Reason] = {}
        self._begin(known)

    def hold(self, slots: Iterable[Slot]) -> None:
        """Count slots that the shared store granted."""
        expires = self._clock() + self._policy.lease_ttl
        for slot in slots:
            self.gates[slot.account].hold(slot, expires)

    def granted(self, slot: Slot) -> bool:
        """Whether a slot is of this store's making, so that no other knows it."""
        return slot.id in self._granted

    async def claim(self, wish: Wish) -> Slot | Refusal:
        if wish.session is not None:
            self._recall(wish.session, wish.family)
        parts = [_part(candidate, self._replicas) for candidate in wish.candidates]
        found = await super().claim(replace(wish, candidates=parts))
        if isinstance(found, Slot):
            self._granted.add(found.id)
            if found.placing is Placing.FIRST and found.session is not None:
                self._bound[found.session] = found.account
                if len(self._bound) > self._policy.affinity_limit:
                    self._bound.popitem(last=False)
        return found

    def settle(self, slot: Slot, settlement: Settlement) -> None:
        super().settle(slot, settlement)
        self._granted.discard(slot.id)
        if settlement.cooldown is not None:
            self._learn(slot.account, settlement.family or ANY_MODEL, settlement.cooldown)

    async def rest(self, account: AccountName, family: ModelFamily, cooldown: Cooldown) -> None:
        await super().rest(account, family, cooldown)
        self._learn(account, family, cooldown)

    async def wake(
        self, account: AccountName, family: ModelFamily, reason: Reason | None = None
    ) -> None:
        rest, now = self.gates[account].rests.get(family), self._clock()
        stood = rest is not None and rest.until > now
        await super().wake(account, family, reason)
        if rest is not None and stood and rest.until <= now:
            self._learned[account, family] = rest.reason

    async def teach(self, now: float) -> None:
        """Tell all there is to tell, by the shared store's clock; at the end nothing is left.

        What was not told because the store went away again is told the next time.
        """
        ahead = now - self._clock()
        while self._learned or self._bound:
            if self._learned:
                key, lesson = next(reversed(self._learned.items()))
                await self._tell(*key, lesson, ahead)
                if self._learned[key] is lesson:
                    del self._learned[key]
            else:
                bound = tuple(islice(reversed(self._bound.items()), AT_ONCE))
                await self._shared.adopt(bound)
                for session, _ in bound:
                    self._bound.pop(session, None)

    async def _tell(
        self, account: AccountName, family: ModelFamily, lesson: Cooldown | Reason, ahead: float
    ) -> None:
        if isinstance(lesson, Cooldown):
            shifted = Cooldown(lesson.until + ahead, lesson.reason)
            await self._shared.rest(account, family, shifted)
        else:
            await self._shared.wake(account, family, lesson)

    def _begin(self, known: Known) -> None:
        now = self._clock()
        for name, state in known.accounts.items():
            gate = self.gates[name]
            gate.streak = state.streak
            gate.rests = {f: Rest(c.until, c.reason) for f, c in state.cooldowns.items()}
            if state.probation:
                gate.rests[ANY_MODEL] = Rest(now, Reason.BURST)
            if state.limit > 1:
                gate.learned = max(1, state.limit // self._replicas)
        for account, family, cooldown in known.news:
            self.gates[account].rest(family, cooldown, now)

    def _learn(self, account: AccountName, family: ModelFamily, cooldown: Cooldown) -> None:
        rest = self.gates[account].rests.get(family)
        if rest is not None and rest.until == cooldown.until:
            self._learned[account, family] = cooldown

    def _recall(self, session: str, family: ModelFamily) -> None:
        """Take over what was known of a session's binding, when it is first asked for."""
        now = self._clock()
        if self.affinity.peek(session, family, now) is not None:
            return
        own = self._shared.guess(session, ANY_MODEL)
        if own is None:
            return
        self.affinity.bind(session, own, ANY_MODEL, now)
        here = self._shared.guess(session, family)
        if here is not None and here != own:
            self.affinity.bind(session, here, family, now)


@lru_cache(maxsize=4096)
def _part(candidate: Candidate, replicas: int) -> Candidate:
    return replace(candidate, concurrency=max(1, candidate.concurrency // replicas))

"""A shared store that goes away when it is told to, and what the fallback tells of it."""

from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf

from proxy.core.account import ANY_MODEL
from proxy.store.away import Away, StoreAwayError
from proxy.store.base import Beat
from proxy.store.fallback import FallbackPolicy, FallbackStore
from proxy.store.memory import MemoryStore
from tests.proxy.store.factories import POLICY, Clock


class FickleStore(MemoryStore):
    """Exact while it is there. What it is told while away takes effect on its return."""

    def __init__(self, clock, replicas=1):
        super().__init__(POLICY, clock)
        self.replicas = replicas
        self.birth = "first"
        self.away = None
        self.answers_left = inf
        self.told = deque()

    def come_back(self, answers=inf):
        """Be there, for so many answers."""
        self.away = None
        self.answers_left = answers
        while self.told:
            self.told.popleft()()

    async def claim(self, wish):
        self._there()
        return await super().claim(wish)

    async def renew(self, slots):
        self._there()
        await super().renew(slots)

    async def rest(self, *args):
        self._there()
        await super().rest(*args)

    async def wake(self, *args):
        self._there()
        await super().wake(*args)

    async def snapshot(self):
        self._there()
        return await super().snapshot()

    async def beat(self):
        self._there()
        return Beat(self.replicas, self.birth)

    def forget(self):
        """As after a restart that found nothing."""
        self.birth += "!"
        self.gates.clear()

    async def adopt(self, bindings):
        self._there()
        for session, account in bindings:
            if self.affinity.peek(session, ANY_MODEL, self._clock()) is None:
                self.affinity.bind(session, account, ANY_MODEL, self._clock())

    def prove(self, slot):
        self._tell(lambda: super(FickleStore, self).prove(slot))

    def settle(self, slot, settlement):
        self._tell(lambda: super(FickleStore, self).settle(slot, settlement))

    def _there(self):
        if self.answers_left == 0:
            self.away = Away.TIMEOUT
        if self.away is not None:
            raise StoreAwayError(self.away)
        self.answers_left -= 1

    def _tell(self, operation):
        if self.away is None:
            operation()
        else:
            self.told.append(operation)


@dataclass
class Events:
    """Writes down what is told of the shared store."""

    left: list[Away] = field(default_factory=list)
    returned: list[float] = field(default_factory=list)
    answers: int = 0

    def store_answered(self, seconds):
        assert seconds >= 0
        self.answers += 1

    def store_left(self, kind):
        self.left.append(kind)

    def store_returned(self, seconds):
        self.returned.append(seconds)


@dataclass
class Pair:
    """A replica and what it shares with others."""

    store: FallbackStore
    shared: FickleStore
    clock: Clock
    events: Events

    async def lose(self, kind=Away.TIMEOUT):
        """The shared store goes away, and the next question finds out."""
        self.shared.away = kind
        await self.store.snapshot()
        assert self.store.away

    async def regain(self):
        """It comes back, and the next look finds out."""
        self.shared.come_back()
        await self.store._look()
        assert not self.store.away


@asynccontextmanager
async def pair(replicas=1, *, away=None, interval=1000.0):
    """A replica that looks after its shared store only when it is told to, or so often."""
    clock, events = Clock(), Events()
    shared = FickleStore(clock, replicas)
    shared.away = away
    policy = FallbackPolicy(interval=interval)
    async with FallbackStore(shared, POLICY, policy, events) as store:
        yield Pair(store, shared, clock, events)

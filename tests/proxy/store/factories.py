"""The stores that the conformance suite runs on. One more store is one more entry."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from proxy.core.account import AccountName
from proxy.core.cooldown import Reason
from proxy.store.base import Store
from proxy.store.memory import MemoryStore, StorePolicy

START = 1_000_000.0
POLICY = StorePolicy(lease_ttl=45, affinity_ttl=3600, affinity_limit=1000)


@dataclass
class Clock:
    """The store's clock, put forward by hand."""

    now: float = START

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Ear:
    """Writes down what the store tells."""

    heard: list[tuple[str, ...]] = field(default_factory=list)

    def account_freed(self, account: AccountName) -> None:
        self.heard.append(("freed", account))

    def account_rested(self, account: AccountName, reason: Reason) -> None:
        self.heard.append(("rested", account, reason))

    def account_woken(self, account: AccountName) -> None:
        self.heard.append(("woken", account))


@dataclass
class Bench:
    """A store to be tested, and the hand on its clock."""

    store: Store
    clock: Clock


@asynccontextmanager
async def memory() -> AsyncIterator[Bench]:
    clock = Clock()
    yield Bench(MemoryStore(POLICY, clock), clock)


FACTORIES: dict[str, Callable[[], AbstractAsyncContextManager[Bench]]] = {"memory": memory}

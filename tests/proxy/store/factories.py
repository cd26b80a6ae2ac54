"""The stores that the conformance suite runs on. One more store is one more entry."""

import atexit
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

from redis.asyncio import Redis

from proxy.core.account import AccountName
from proxy.core.cooldown import Reason
from proxy.store.base import Store, StorePolicy
from proxy.store.memory import MemoryStore
from proxy.store.redis import RedisPolicy, RedisStore
from tests.redis_rig import RedisServer, redis_server

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


@cache
def redis() -> RedisServer:
    """One server for all tests of this process."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(redis_server())


@asynccontextmanager
async def shared() -> AsyncIterator[Bench]:
    clock = Clock()
    async with replicas(1, clock) as (store,):
        yield Bench(store, clock)


@asynccontextmanager
async def replicas(count: int, clock: Clock | None = None) -> AsyncIterator[Sequence[RedisStore]]:
    """So many stores on one Redis, which is empty."""
    policy = RedisPolicy(timeout=5, clock=clock)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Redis.from_url(redis().url, retry=None))
        await client.flushall()
        yield [
            await stack.enter_async_context(RedisStore(client, POLICY, policy))
            for _ in range(count)
        ]


FACTORIES: dict[str, Callable[[], AbstractAsyncContextManager[Bench]]] = {
    "memory": memory,
    "redis": shared,
}

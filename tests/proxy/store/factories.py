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
    """A store to be tested, the hand on its clock, and all replicas' stores if there are more."""

    store: Store
    clock: Clock
    stores: Sequence[Store] = ()


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
async def on_redis(
    count: int,
    clock: Clock | None = None,
    store: StorePolicy = POLICY,
    server: RedisServer | None = None,
    seconds: float = 5,
) -> AsyncIterator[Sequence[RedisStore]]:
    """The stores of so many replicas, on a Redis that was empty and answers in so many seconds."""
    wanted = RedisPolicy(clock=clock, timeout=seconds)
    url = (server or redis()).url
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Redis.from_url(url)) for _ in range(count)]
        await clients[0].flushall()
        yield [
            await stack.enter_async_context(RedisStore(client, store, wanted)) for client in clients
        ]


@asynccontextmanager
async def shared() -> AsyncIterator[Bench]:
    clock = Clock()
    async with on_redis(1, clock) as (store,):
        yield Bench(store, clock)


@asynccontextmanager
async def replicas() -> AsyncIterator[Bench]:
    """Two replicas that take turns."""
    clock = Clock()
    async with on_redis(2, clock) as (store, other):
        yield Bench(store, clock, (store, other))


FACTORIES: dict[str, Callable[[], AbstractAsyncContextManager[Bench]]] = {
    "memory": memory,
    "redis": shared,
}

"""The ledgers that the conformance suite runs on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from proxy.ledger import FallbackLedger, Ledger, MemoryLedger, RedisLedger
from proxy.store.redis import RedisStore
from tests.proxy.pool_rig import ticks
from tests.proxy.store.factories import Clock, on_redis

DAYS = 3


@dataclass
class Bench:
    """A ledger to be tested, and the hand on its clock."""

    ledger: Ledger
    clock: Clock


@asynccontextmanager
async def memory() -> AsyncIterator[Bench]:
    clock = Clock()
    yield Bench(MemoryLedger(clock, DAYS), clock)


def redis_ledger(store: RedisStore, clock: Clock, renew_every: float = 3600) -> RedisLedger:
    return RedisLedger(store.operations, clock, DAYS, renew_every)


@asynccontextmanager
async def shared() -> AsyncIterator[Bench]:
    clock = Clock()
    async with on_redis(1, clock) as (store,), redis_ledger(store, clock) as ledger:
        yield Bench(ledger, clock)


@asynccontextmanager
async def fallback() -> AsyncIterator[Bench]:
    """One whose shared ledger is there."""
    async with shared() as bench:
        local = MemoryLedger(bench.clock, 1)
        yield Bench(FallbackLedger(bench.ledger, local, lambda: False), bench.clock)


@asynccontextmanager
async def replicas(count: int, clock: Clock) -> AsyncIterator[list[RedisLedger]]:
    """The ledgers of so many replicas on one Redis."""
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(on_redis(count, clock))
        yield [await stack.enter_async_context(redis_ledger(store, clock)) for store in stores]


async def becomes(ask: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Ask until the answer is the wanted one. (Other processes tell nobody of their progress.)"""
    async with asyncio.timeout(10):
        async for _ in ticks():
            if await ask() == wanted:
                return


FACTORIES: dict[str, Callable[[], AbstractAsyncContextManager[Bench]]] = {
    "memory": memory,
    "redis": shared,
    "fallback": fallback,
}

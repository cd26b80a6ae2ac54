"""More stores for the conformance suite: Redis as it may stand, and a replica with its fallback."""

import atexit
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
)
from functools import cache

from proxy.store.address import Link, StoreAddress
from proxy.store.away import Away
from proxy.store.connect import connect
from proxy.store.fallback import FallbackPolicy, FallbackStore
from proxy.store.redis import RedisPolicy, RedisStore
from tests.proxy.store.factories import POLICY, Bench, Clock, on_redis
from tests.proxy.store.shared_rig import Events, pair
from tests.redis_rig import cluster, sentinels


@asynccontextmanager
async def fallback() -> AsyncIterator[Bench]:
    """A replica whose Redis is there."""
    clock = Clock()
    policy = FallbackPolicy(interval=1000)
    async with (
        on_redis(1, clock) as (shared,),
        FallbackStore(shared, POLICY, policy, Events()) as store,
    ):
        yield Bench(store, clock)
        assert not store.away


@asynccontextmanager
async def alone() -> AsyncIterator[Bench]:
    """The only replica, whose Redis is away."""
    async with pair(away=Away.UNREACHABLE) as both:
        yield Bench(both.store, both.clock)
        assert both.store.away


@cache
def _url(run: Callable[[], AbstractContextManager[object]]) -> str:
    """The address of servers that run for all tests of this process."""
    stack = ExitStack()
    atexit.register(stack.close)
    return str(stack.enter_context(run()).url)


def _standing(
    run: Callable[[], AbstractContextManager[object]],
) -> Callable[[], AbstractAsyncContextManager[Bench]]:
    @asynccontextmanager
    async def bench() -> AsyncIterator[Bench]:
        clock = Clock()
        client = connect(Link(StoreAddress.parse(_url(run)), timeout=5))
        try:
            await client.flushall()
            policy = RedisPolicy(clock=clock, timeout=5)
            async with RedisStore(client, POLICY, policy) as store:
                yield Bench(store, clock)
        finally:
            await client.aclose()

    return bench


TOPOLOGIES: dict[str, Callable[[], AbstractAsyncContextManager[Bench]]] = {
    "fallback": fallback,
    "alone": alone,
    "sentinel": _standing(sentinels),
    "cluster": _standing(cluster),
}

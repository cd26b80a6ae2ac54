import asyncio

import msgspec
import pytest

from proxy.core.account import ANY_MODEL
from proxy.core.cooldown import Cooldown, Reason
from proxy.store.base import Refusal, StorePolicy
from tests.proxy.pool_rig import until
from tests.proxy.store.factories import Ear, on_redis, redis
from tests.proxy.store.wishes import OK, A, fill, wish

HOUR = 3600.0


async def following(*stores):
    """Wait until all of them have read the news to its present end."""
    for store in stores:
        end, _ = msgspec.msgpack.decode(await store.operations.ask("news", None))
        await until(lambda store=store, end=end: store._news._last == end, seconds=5)


async def test_what_rests_and_wakes_is_heard_by_all_and_by_each_once():
    ears = [Ear(), Ear()]
    async with on_redis(2) as stores:
        for store, ear in zip(stores, ears, strict=True):
            store.watch(ear)
        await following(*stores)
        now = (await stores[0].snapshot()).now
        await stores[0].rest(A, ANY_MODEL, Cooldown(now + HOUR, Reason.QUOTA))
        await stores[1].wake(A, ANY_MODEL)
        await until(lambda: all(len(ear.heard) >= 2 for ear in ears), seconds=1)
        await following(*stores)

    expected = {("rested", A, Reason.QUOTA), ("woken", A)}
    assert [set(ear.heard) for ear in ears] == [expected, expected]
    assert [len(ear.heard) for ear in ears] == [2, 2]


async def test_what_is_freed_is_told_others_only_while_somebody_waits():
    async with on_redis(2) as (store, other):
        ear = Ear()
        other.watch(ear)
        first, second = await fill(store, A, 2, concurrency=2)
        await following(store, other)
        store.settle(first, OK)
        await following(store, other)
        unheard = list(ear.heard)
        await store.claim(wish(None, "a", concurrency=1))
        store.settle(second, OK)
        await until(lambda: ear.heard, seconds=1)

    assert unheard == []
    assert ear.heard == [("freed", A)]


@pytest.mark.parametrize(
    ("waits", "told"),
    [((), False), ((0,), False), ((0, 60), True), ((60, 0.01), True), ((0.01, 60), True)],
)
async def test_what_is_freed_is_told_for_as_long_as_anybody_waits(waits, told):
    async with on_redis(2) as (store, other):
        ear = Ear()
        other.watch(ear)
        (held,) = await fill(store, A, 1, concurrency=1)
        for wait in waits:
            await store.claim(wish(None, "a", concurrency=1, wait=wait))
        await following(other)
        await until(lambda: redis().call("PTTL", "{headgate}:waiting") > 50_000 or not told)
        store.settle(held, OK)
        await store.snapshot()
        await following(other)

    assert ear.heard == [("freed", A)] * told


async def test_the_end_of_a_lost_lease_is_news_to_those_who_wait():
    async with on_redis(2, store=StorePolicy(lease_ttl=0.2)) as (gone, other):
        ear = Ear()
        other.watch(ear)
        await fill(gone, A, 1, concurrency=1)
        await other.claim(wish(None, "a", concurrency=1))

        await until(lambda: ("freed", A) in ear.heard, seconds=5)


async def test_a_slot_is_handed_over_to_another_replica_within_150_ms():
    loop, took = asyncio.get_running_loop(), []
    async with on_redis(2, seconds=0.5) as (store, other):
        ear = Ear()
        other.watch(ear)
        await following(store, other)
        for _ in range(20):
            (held,) = await fill(store, A, 1, concurrency=1)
            assert isinstance(await other.claim(wish(None, "a", concurrency=1)), Refusal)
            ear.heard.clear()
            began = loop.time()
            store.settle(held, OK)
            await until(lambda: ear.heard)
            slot = await other.claim(wish(None, "a", concurrency=1))
            took.append(loop.time() - began)
            other.settle(slot, OK)
            await other.snapshot()

    assert sorted(took)[-2] < 0.15

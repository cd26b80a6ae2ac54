import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest

from proxy.store.away import Away, StoreAwayError
from proxy.store.redis.batches import MOST_TOLD, Batches, BatchPolicy
from tests.proxy.pool_rig import until


class Server:
    """Writes down what it is sent, answers with the names, and may be stopped or away."""

    def __init__(self):
        self.sent = []
        self.open = asyncio.Event()
        self.open.set()
        self.away = False

    async def run(self, operations):
        self.sent.append([name for name, *_ in operations])
        await self.open.wait()
        if self.away:
            raise StoreAwayError(Away.TIMEOUT)
        return [msgspec.Raw(name.encode()) for name, *_ in operations]

    async def reached(self, trips):
        await until(lambda: len(self.sent) >= trips)


@pytest.fixture
async def server():
    return Server()


@asynccontextmanager
async def running(server, **policy):
    batches = Batches(server.run, BatchPolicy(**policy))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(batches.run())
        yield batches, tasks
        task.cancel()


async def test_what_comes_in_one_moment_shares_a_trip_and_keeps_its_order(server):
    async with running(server) as (batches, _):
        batches.tell("settle")
        reply = await batches.ask("claim")

    assert server.sent == [["settle", "claim"]]
    assert bytes(reply) == b"claim"


async def test_while_one_trip_is_under_way_the_next_gathers(server):
    async with running(server) as (batches, tasks):
        server.open.clear()
        first = tasks.create_task(batches.ask("first"))
        await server.reached(1)
        others = [tasks.create_task(batches.ask(f"other{number}")) for number in range(3)]
        await asyncio.sleep(0)
        server.open.set()
        await asyncio.gather(first, *others)

    assert server.sent == [["first"], ["other0", "other1", "other2"]]


async def test_no_trip_carries_more_than_it_may(server):
    async with running(server, size=4) as (batches, _):
        await asyncio.gather(*(batches.ask(f"claim{number}") for number in range(10)))

    assert [len(trip) for trip in server.sent] == [4, 4, 2]


async def test_whoever_has_left_before_the_trip_is_not_carried(server):
    async with running(server) as (batches, tasks):
        left = tasks.create_task(batches.ask("left"))
        await asyncio.sleep(0)
        left.cancel()
        await batches.ask("stayed")

    assert server.sent == [["stayed"]]


async def test_away_all_who_ask_hear_at_once_also_those_whose_trip_had_not_begun(server):
    async with running(server) as (batches, tasks):
        server.away = True
        server.open.clear()
        first = tasks.create_task(refused(batches, "first"))
        await server.reached(1)
        second = tasks.create_task(refused(batches, "second"))
        await asyncio.sleep(0)
        server.open.set()

        assert await asyncio.gather(first, second) == [Away.TIMEOUT, Away.TIMEOUT]

    assert server.sent == [["first"]]


async def refused(batches, name):
    with pytest.raises(StoreAwayError) as away:
        await batches.ask(name)
    return away.value.kind


async def test_what_was_told_arrives_once_it_can_and_before_what_is_asked_later(server):
    async with running(server, retry=60) as (batches, _):
        server.away = True
        batches.tell("first")
        batches.tell("second")
        await server.reached(1)
        batches.tell("third")
        server.away = False
        await batches.ask("claim")

    assert server.sent == [["first", "second"], ["first", "second", "third", "claim"]]


async def test_it_is_tried_again_by_itself(server):
    async with running(server, retry=0.01) as (batches, _):
        server.away = True
        batches.tell("settle")
        await server.reached(3)
        server.away = False
        await server.reached(4)

    assert server.sent == [["settle"]] * len(server.sent)


async def test_what_is_stale_is_not_told_any_more(server):
    async with running(server, retry=0.01, stale=0) as (batches, _):
        server.away = True
        assert await refused(batches, "claim") is Away.TIMEOUT
        batches.tell("settle")
        await server.reached(2)
        server.away = False
        await batches.ask("snapshot")

    assert server.sent == [["claim"], ["settle"], ["snapshot"]]


async def test_what_waits_to_be_told_is_bounded_and_the_oldest_goes(server):
    batches = Batches(server.run, BatchPolicy(size=MOST_TOLD))
    for number in range(MOST_TOLD + 5):
        batches.tell(f"settle{number}")
    await batches.flush()

    assert sum(len(trip) for trip in server.sent) == MOST_TOLD
    assert server.sent[0][0] == "settle5"


async def test_a_trip_cut_off_by_the_end_is_made_again(server):
    batches = Batches(server.run, BatchPolicy())
    server.open.clear()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(batches.run())
        batches.tell("settle")
        await server.reached(1)
        task.cancel()
    server.open.set()

    assert await batches.flush()
    assert server.sent == [["settle"], ["settle"]]

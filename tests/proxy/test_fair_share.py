"""What the queue promises, with the real pool: in virtual time, and its hand-over in real time."""

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from bench import virtual
from proxy.admission import QueuePolicy
from proxy.core.forecast import Place
from proxy.errors import QueueFullError
from proxy.store.memory import MemoryStore
from tests.proxy.pool_rig import Holder, a_call, rig, until

SERVICE = 10.0
SLOTS = 4
HOUR = 3600.0
PATIENT = QueuePolicy(max_wait=24 * HOUR)


def a_pool(concurrency=SLOTS):
    return rig("a", concurrency=concurrency, store=MemoryStore(clock=virtual.wall), queue=PATIENT)


@dataclass
class Crowd:
    """Clients that come back again and again, and what each class of them got."""

    waits: list[float] = field(default_factory=list)
    busy: dict[bool, float] = field(default_factory=lambda: {True: 0.0, False: 0.0})
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311

    async def keep_asking(self, pool, client, *, batch, pause=0.0):
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(pause * self.chance.uniform(0.5, 1.5))
            asked_at = loop.time()
            async with pool.pool.lease(a_call(client=client, batch=batch)):
                if not batch:
                    self.waits.append(loop.time() - asked_at)
                seconds = SERVICE * self.chance.uniform(0.5, 1.5)
                await asyncio.sleep(seconds)
                self.busy[batch] += seconds


async def served(seconds):
    """One batch client with 200 waiting requests, and 5 interactive clients."""
    crowd = Crowd()
    async with a_pool() as pool, asyncio.TaskGroup() as tasks:
        asking = [
            *(crowd.keep_asking(pool, "nightly", batch=True) for _ in range(200 + SLOTS)),
            *(crowd.keep_asking(pool, f"c{n}", batch=False, pause=20) for n in range(5)),
        ]
        running = [tasks.create_task(one) for one in asking]
        await asyncio.sleep(seconds)
        for one in running:
            one.cancel()
    return crowd


def test_a_flood_of_batch_work_costs_others_a_service_time_at_most_and_gets_what_is_left():
    crowd = virtual.run(served(2 * HOUR))
    p95 = sorted(crowd.waits)[int(len(crowd.waits) * 0.95)]

    assert len(crowd.waits) > 500
    assert p95 <= SERVICE
    left = SLOTS * 2 * HOUR - crowd.busy[False]
    assert crowd.busy[True] >= 0.95 * left


async def in_turn(pool, tasks, count):
    """So many requests, one after the other, each of one service time; all of them wait now."""
    holders = [Holder(pool, tasks) for _ in range(count)]
    await until(lambda: pool.pool.waiting == count - 1, seconds=HOUR)
    for holder in holders[:6]:
        await holder.held()
        await asyncio.sleep(SERVICE)
        holder.end()
        await holder.task
    await holders[6].held()
    return holders[6:]


async def early_refusal():
    loop = asyncio.get_running_loop()
    async with a_pool(concurrency=1) as pool, asyncio.TaskGroup() as tasks:
        left = await in_turn(pool, tasks, 10)
        began = loop.time()
        with pytest.raises(QueueFullError, match="longer than you would wait") as refused:
            await pool.serve(max_wait=35)
        assert loop.time() == began

        assert 6 <= refused.value.retry_after <= 8
        patient = Holder(pool, tasks, max_wait=45)
        other = Holder(pool, tasks, client="other", max_wait=35)
        await until(lambda: pool.pool.waiting == 5, seconds=HOUR)
        for holder in (*left, patient, other):
            holder.end()


def test_whom_the_line_would_not_serve_in_time_is_told_so_at_once():
    """Three wait, at ten seconds each; a client that has none in line is next but one."""
    virtual.run(early_refusal())


async def spilling():
    loop = asyncio.get_running_loop()
    async with rig("a", "b", concurrency=1, store=MemoryStore(clock=virtual.wall)) as pool:
        slow = a_call("s").family, "alice", False
        for _ in range(20):
            pool.pool.forecast.joined(Place(*slow), loop.time())
            await asyncio.sleep(100)
            pool.pool.forecast.left(Place(*slow), loop.time(), served=True)
        async with asyncio.TaskGroup() as tasks:
            first = Holder(pool, tasks, "s")
            own = await first.held()
            began = loop.time()
            elsewhere = await pool.serve("s", size=100_000)
            first.end()
    return own, elsewhere, loop.time() - began


def test_who_waits_for_its_own_account_is_not_sent_away_but_elsewhere():
    own, elsewhere, seconds = virtual.run(spilling())

    assert {own, elsewhere} == {"a", "b"}
    assert seconds == pytest.approx(20, abs=0.1)


async def test_a_freed_slot_is_handed_over_at_once():
    loop = asyncio.get_running_loop()
    freed_at, lags = loop.time(), []

    async def one():
        nonlocal freed_at
        async with pool.pool.lease(a_call()):
            lags.append(loop.time() - freed_at)
            await asyncio.sleep(0.001)
            freed_at = loop.time()

    async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
        for _ in range(200):
            tasks.create_task(one())

    assert sorted(lags)[198] <= 0.05

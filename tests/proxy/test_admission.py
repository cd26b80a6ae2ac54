import asyncio
import random

import pytest

from proxy.admission import QueuePolicy
from proxy.errors import NoWorkerError, QueueFullError
from proxy.store.base import Slot
from proxy.store.memory import MemoryStore
from proxy.store.settling import NEUTRAL
from tests.proxy.pool_rig import A, Holder, a_call, accounts, rig, until


class Remote(MemoryStore):
    """A store whose answers take a while, as one over the network does."""

    async def claim(self, wish):
        found = await super().claim(wish)
        try:
            await asyncio.sleep(0.0005)
        except asyncio.CancelledError:
            if isinstance(found, Slot):
                self.settle(found, NEUTRAL)
            raise
        return found


async def waiting(pool, tasks, *calls):
    """Let calls join the line one after the other."""
    holders = []
    for call in calls:
        before = pool.pool.waiting
        holders.append(Holder(pool, tasks, **call))
        await until(lambda before=before: pool.pool.waiting == before + 1)
    return holders


async def in_order(holders, first):
    """End one after the other; in which order the others were served."""
    order, current = [], first
    while len(order) < len(holders):
        current.end()
        left = [holder for holder in holders if holder not in order]
        await until(lambda left=left: any(holder.lease for holder in left))
        (current,) = [holder for holder in left if holder.lease]
        order.append(current)
    current.end()
    return order


async def test_within_a_client_who_comes_first_is_served_first():
    async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
        first = Holder(pool, tasks)
        await first.held()
        holders = await waiting(pool, tasks, *({} for _ in range(10)))

        assert await in_order(holders, first) == holders


async def test_a_flood_of_one_client_does_not_hold_up_another():
    async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
        first = Holder(pool, tasks)
        await first.held()
        calls = [*({"client": "flood"} for _ in range(10)), {"client": "quiet"}]
        holders = await waiting(pool, tasks, *calls)

        order = await in_order(holders, first)

        assert order.index(holders[-1]) <= 1


async def test_interactive_work_goes_before_batch_work():
    async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
        first = Holder(pool, tasks)
        await first.held()
        batch, interactive = await waiting(pool, tasks, {"batch": True}, {"batch": False})

        assert await in_order([batch, interactive], first) == [interactive, batch]
    assert ("left", "batch", "granted") in pool.events.told


async def test_a_newcomer_does_not_overtake_those_who_wait():
    async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
        first = Holder(pool, tasks)
        await first.held()
        (waiter,) = await waiting(pool, tasks, {})
        async with asyncio.timeout(10):
            first.end()
            newcomer = Holder(pool, tasks)
            await first.task

            assert await waiter.held() == A
        assert newcomer.lease is None
        waiter.end()
        newcomer.end()


async def test_who_waits_for_its_own_account_holds_nobody_else_up():
    async with rig("a", "b", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
        own = Holder(pool, tasks, "s")
        account = await own.held()
        other = Holder(pool, tasks)
        await other.held()
        (bound, free) = await waiting(pool, tasks, {"session": "s"}, {})
        other.end()

        assert await free.held() != account
        assert bound.lease is None
        own.end()
        assert await bound.held() == account
        bound.end()
        free.end()


async def test_a_client_that_leaves_is_out_at_once():
    async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
        first = Holder(pool, tasks)
        await first.held()
        (waiter,) = await waiting(pool, tasks, {})
        waiter.task.cancel()
        await asyncio.wait([waiter.task])

        assert pool.pool.waiting == 0
        assert ("left", "interactive", "gone") in pool.events.told
        first.end()


@pytest.mark.parametrize("turns", range(6))
async def test_a_client_that_leaves_as_it_is_served_passes_its_turn_on(turns):
    async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
        first = Holder(pool, tasks)
        await first.held()
        leaving, next_ = await waiting(pool, tasks, {}, {})
        first.end()
        for _ in range(turns):
            await asyncio.sleep(0)
        leaving.task.cancel()

        assert await next_.held() == A
        next_.end()


async def test_the_line_is_bounded_in_requests():
    queue = QueuePolicy(max_requests=3)
    async with rig("a", concurrency=1, queue=queue) as pool, asyncio.TaskGroup() as tasks:
        first = Holder(pool, tasks)
        await first.held()
        holders = await waiting(pool, tasks, {}, {}, {})

        with pytest.raises(QueueFullError) as refused:
            await pool.serve()

        assert 1 <= refused.value.retry_after <= 2
        for holder in (first, *holders):
            holder.end()


async def test_the_line_is_bounded_in_bytes():
    queue = QueuePolicy(max_bytes=1000)
    async with rig("a", concurrency=1, queue=queue) as pool, asyncio.TaskGroup() as tasks:
        first = Holder(pool, tasks)
        await first.held()
        holders = await waiting(pool, tasks, {"size": 900})

        with pytest.raises(QueueFullError):
            await pool.serve(size=200)

        for holder in (first, *holders):
            holder.end()


@pytest.mark.parametrize("options", [{"max_wait": 0.05}, {"max_wait": 900}])
async def test_who_has_waited_as_long_as_it_may_is_told_so(options):
    queue = QueuePolicy(max_wait=0.05 if options["max_wait"] > 1 else 60)
    async with rig("a", concurrency=1, queue=queue) as pool, asyncio.TaskGroup() as tasks:
        holder = Holder(pool, tasks)
        await holder.held()

        with pytest.raises(QueueFullError):
            await pool.serve(**options)

        assert pool.pool.waiting == 0
        assert ("left", "interactive", "queue_full") in pool.events.told
        holder.end()


@pytest.mark.parametrize("make_store", [MemoryStore, Remote])
@pytest.mark.parametrize("seed", range(4))
async def test_no_wake_up_and_no_slot_is_lost_in_a_crowd_of_which_many_leave(make_store, seed):
    chance = random.Random(seed)  # noqa: S311 - a seeded crowd, the same every time
    async with rig("a", "b", concurrency=2, store=make_store(), spill_after=0.01) as pool:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            for number in range(150):
                stay = tasks.create_task(stay_a_while(pool, number, chance.random() / 500))
                if chance.random() < 0.4:
                    delay = chance.random() / 50
                    asyncio.get_running_loop().call_later(delay, stay.cancel)
                if chance.random() < 0.1:
                    await asyncio.sleep(0)

        assert pool.pool.waiting == 0
        assert [status.in_flight for status in await pool.pool.states()] == [0, 0]


async def stay_a_while(pool, number, seconds):
    call = a_call(f"s{number % 7}", client=f"c{number % 3}", batch=number % 5 == 0)
    async with pool.pool.lease(call):
        await asyncio.sleep(seconds)


async def test_an_account_freed_while_a_refusal_is_under_way_is_not_missed():
    async with rig("a", concurrency=1, store=Remote()) as pool, asyncio.TaskGroup() as tasks:
        first = Holder(pool, tasks)
        await first.held()
        second = Holder(pool, tasks)
        await asyncio.sleep(0)
        first.end()

        assert await second.held() == A
        second.end()


@pytest.mark.parametrize("turns", range(5))
async def test_an_account_freed_while_the_last_waiter_is_being_refused_is_not_missed(turns):
    async with rig("a", concurrency=1, store=Remote()) as pool, asyncio.TaskGroup() as tasks:
        first = Holder(pool, tasks)
        await first.held()
        (waiter,) = await waiting(pool, tasks, {})
        pool.pool.replace(accounts("a", concurrency=1))
        for _ in range(turns):
            await asyncio.sleep(0)
        first.end()

        assert await waiter.held() == A
        waiter.end()


@pytest.mark.parametrize("turns", range(5))
async def test_who_is_just_being_served_when_the_pool_stops_is_sent_away_too(turns):
    async with asyncio.TaskGroup() as tasks:
        async with rig("a", concurrency=1, store=Remote()) as pool:
            first = Holder(pool, tasks)
            await first.held()
            waiter = tasks.create_task(sent_away(pool))
            await until(lambda: pool.pool.waiting == 1)
            pool.pool.replace(accounts("a", concurrency=1))
            for _ in range(turns):
                await asyncio.sleep(0)
        first.end()
        async with asyncio.timeout(5):
            await waiter


async def sent_away(pool):
    with pytest.raises(NoWorkerError):
        await pool.serve()


async def test_new_accounts_are_offered_to_those_who_wait():
    async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
        first = Holder(pool, tasks)
        await first.held()
        holders = await waiting(pool, tasks, {}, {})
        pool.pool.replace(accounts("a", "b", concurrency=3))

        assert {await holder.held() for holder in holders} <= {"a", "b"}
        for holder in (first, *holders):
            holder.end()

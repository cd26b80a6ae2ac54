import asyncio
import time
from collections import Counter
from math import ceil

import pytest

from proxy.core.account import ANY_MODEL, Window
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.verdict import Kind, Scope, Verdict
from proxy.errors import AllLimitedError, NoWorkerError, QueueFullError
from proxy.store.base import Placing, Standing, StorePolicy
from proxy.store.memory import MemoryStore
from tests.proxy.pool_rig import HAIKU, OPUS, A, B, Holder, a_call, accounts, quota, rig, until

HOUR = 3600.0


async def rest(rig, account, seconds, reason=Reason.QUOTA, family=ANY_MODEL):
    await rig.store.rest(account, family, Cooldown(time.time() + seconds, reason))


class TestLease:
    async def test_what_is_held_is_given_back_on_every_way_out(self):
        async with rig("a") as pool:
            await pool.serve("s")
            with pytest.raises(ZeroDivisionError):
                async with pool.pool.lease(a_call("s")):
                    raise ZeroDivisionError
            async with asyncio.TaskGroup() as tasks:
                holder = Holder(pool, tasks)
                await holder.held()
                carried = (await pool.status(A)).in_flight
                holder.task.cancel()

            assert carried == 1
            assert (await pool.status(A)).in_flight == 0

    @pytest.mark.parametrize(
        ("verdict", "state"),
        [
            (Verdict(Kind.QUOTA, Scope.ACCOUNT), "quota"),
            (Verdict(Kind.BILLING, Scope.ACCOUNT), "billing"),
            (Verdict(Kind.AUTH, Scope.ACCOUNT), "auth"),
            (Verdict(Kind.BURST, Scope.ACCOUNT), "burst"),
            (Verdict(Kind.MODEL_LIMIT, Scope.MODEL), "ready"),
            (Verdict(Kind.THROTTLED), "ready"),
            (Verdict(Kind.OVERLOADED), "ready"),
            (Verdict(Kind.CLIENT_ERROR), "ready"),
            (Verdict(Kind.WORKER_ERROR, Scope.ACCOUNT), "ready"),
            (None, "ready"),
        ],
    )
    async def test_an_account_bears_its_verdict(self, verdict, state):
        async with rig("a") as pool:
            await pool.serve("s", verdict)

            assert (await pool.status(A)).state == state

    async def test_a_model_limit_keeps_one_family_off(self):
        async with rig("a", "b") as pool:
            first = await pool.serve("s", Verdict(Kind.MODEL_LIMIT, Scope.MODEL))

            assert await pool.serve("s", family=HAIKU) == first
            assert await pool.serve("s", family=OPUS) != first

    async def test_failures_in_a_row_eject_an_account(self):
        async with rig("a", "b") as pool:
            for _ in range(5):
                await pool.serve("s", Verdict(Kind.WORKER_ERROR, Scope.ACCOUNT), skip=[B])

            assert (await pool.status(A)).state == "failing"
            assert ("rested", A, "failing") in pool.events.told

    async def test_windows_that_an_answer_tells_of_are_kept(self):
        async with rig("a") as pool:
            async with pool.pool.lease(a_call()) as lease:
                lease.windows = [Window("five_hour", 0.4), Window("seven_day", 0.1)]
            async with pool.pool.lease(a_call()) as lease:
                lease.windows = [Window("five_hour", 0.5)]

            seen = {w.name: w.utilization for w in (await pool.status(A)).windows}
            assert seen == {"five_hour": 0.5, "seven_day": 0.1}

    async def test_leases_are_renewed_for_as_long_as_they_are_held(self):
        store = MemoryStore(StorePolicy(lease_ttl=0.1))
        async with (
            rig("a", concurrency=1, store=store, renew_every=0.01) as pool,
            asyncio.TaskGroup() as tasks,
        ):
            holder = Holder(pool, tasks)
            await holder.held()
            with pytest.raises(QueueFullError):
                await pool.serve(max_wait=0.3)
            holder.end()


class TestSessions:
    async def test_sixty_sessions_stay_on_their_accounts_and_spread_within_the_bound(self):
        async with rig("a", "b", "c", concurrency=40) as pool:
            sessions = [f"s{number}" for number in range(60)]
            async with asyncio.TaskGroup() as tasks:
                holders = [Holder(pool, tasks, session) for session in sessions]
                first = [await holder.held() for holder in holders]
                for holder in holders:
                    holder.end()
            turns = [[await pool.serve(s) for s in sessions] for _ in range(4)]

            assert turns == [first] * 4
            assert max(Counter(first).values()) <= ceil(1.25 * 60 / 3)
            assert placings(pool) == {"first": 60, "hit": 240}

    async def test_an_exhausted_account_loses_its_sessions_once_and_no_other_moves(self):
        async with rig("a", "b", "c", concurrency=40) as pool:
            before = {f"s{number}": await pool.serve(f"s{number}") for number in range(60)}
            moving = [session for session, account in before.items() if account == A]
            pool.events.told.clear()

            await pool.serve(moving[0], quota(time.time() + HOUR))
            turns = [{session: await pool.serve(session) for session in before} for _ in range(4)]

            assert turns[1:] == turns[:1] * 3
            assert A not in turns[0].values()
            changed = [session for session in before if turns[0][session] != before[session]]
            assert changed == moving
            assert placings(pool)["moved"] == len(moving)

    async def test_an_account_out_of_service_gets_nothing_and_loses_its_sessions(self):
        async with rig("a", "b") as pool:
            account = await pool.serve("s")
            pool.pool.set_ready(account, ready=False, reason="draining")
            other = await pool.serve("s")
            pool.pool.set_ready(account, ready=True)

            assert other != account
            assert await pool.serve("s") == other

    async def test_an_account_that_is_removed_loses_its_sessions_and_a_new_one_takes_none(self):
        async with rig("a", "b") as pool:
            before = {f"s{number}": await pool.serve(f"s{number}") for number in range(20)}
            pool.pool.replace(accounts("b", "c"))

            after = {session: await pool.serve(session) for session in before}

            stayed = [session for session, account in before.items() if account == B]
            assert A not in after.values()
            assert {after[session] for session in stayed} == {B}

    @pytest.mark.parametrize("turns", range(6))
    async def test_an_account_that_is_removed_as_it_is_granted_still_serves(self, turns):
        async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
            first, second = Holder(pool, tasks), Holder(pool, tasks)
            await first.held()
            first.end()
            for _ in range(turns):
                await asyncio.sleep(0)
            pool.pool.replace(accounts("b"))

            assert await second.held() in {A, B}
            second.end()

    async def test_a_request_without_a_session_goes_where_there_is_least_load(self):
        async with rig("a", "b", "c") as pool, asyncio.TaskGroup() as tasks:
            holders = [Holder(pool, tasks) for _ in range(9)]
            held = Counter([await holder.held() for holder in holders])
            for holder in holders:
                holder.end()

        assert set(held.values()) == {3}

    async def test_an_account_that_was_tried_is_not_given_again(self):
        async with rig("a", "b") as pool:
            own = await pool.serve("s")

            other = await pool.serve("s", skip=[own])

            assert other != own
            assert await pool.serve("s") == own


def placings(pool):
    return Counter(told[1] for told in pool.events.told if told[0] == "placed")


class TestSpilling:
    async def test_a_session_waits_for_its_own_account(self):
        async with rig("a", "b", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
            first = Holder(pool, tasks, "s")
            own = await first.held()
            second = Holder(pool, tasks, "s")
            await until(lambda: pool.pool.waiting == 1)
            first.end()

            assert await second.held() == own
            assert second.lease.slot.placing is Placing.HIT
            second.end()

    async def test_it_spills_when_it_has_waited_long_enough_and_comes_back(self):
        async with (
            rig("a", "b", concurrency=1, spill_after=0.05) as pool,
            asyncio.TaskGroup() as tasks,
        ):
            first = Holder(pool, tasks, "s")
            own = await first.held()
            second = Holder(pool, tasks, "s")

            assert await second.held() != own
            assert second.lease.slot.placing is Placing.SPILLED
            first.end()
            second.end()
            await first.task
            assert await pool.serve("s") == own

    async def test_a_call_without_patience_spills_at_once(self):
        async with rig("a", "b", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
            holder = Holder(pool, tasks, "s")
            own = await holder.held()

            assert await pool.serve("s", patient=False) != own
            assert await pool.serve("s", max_wait=0) != own
            holder.end()

    async def test_a_short_pause_is_waited_out_and_a_long_one_is_not(self):
        async with rig("a", "b", spill_after=0.5) as pool:
            own = await pool.serve("s")
            await rest(pool, own, 0.05, Reason.BURST)
            waited = await pool.serve("s")
            await rest(pool, own, 30, Reason.BURST)

            assert waited == own
            assert await pool.serve("s") != own


class TestRefusals:
    @pytest.mark.parametrize(("seconds", "should_retry"), [(3000, False), (50, None)])
    async def test_if_all_rest_too_long_the_soonest_reset_is_told_at_once(
        self, seconds, should_retry
    ):
        async with rig("a", "b") as pool:
            await rest(pool, A, seconds)
            await rest(pool, B, 9000)
            began = time.monotonic()

            with pytest.raises(AllLimitedError) as refused:
                await pool.serve("s", max_wait=10)

            assert refused.value.retry_after == pytest.approx(seconds, abs=1)
            assert refused.value.should_retry is should_retry
            assert time.monotonic() - began < 1

    async def test_a_reset_within_the_wait_is_waited_for(self):
        async with rig("a") as pool:
            await rest(pool, A, 0.1)
            began = time.time()

            await pool.serve("s")

            assert 0.09 < time.time() - began < 5

    async def test_what_was_tried_does_not_count_as_limited(self):
        async with rig("a", "b") as pool:
            await rest(pool, A, HOUR)

            with pytest.raises(NoWorkerError):
                await pool.serve("s", skip=[A, B])
            with pytest.raises(AllLimitedError):
                await pool.serve("s", skip=[B])

    @pytest.mark.parametrize("reason", [Reason.AUTH, Reason.FAILING, Reason.BILLING])
    async def test_broken_accounts_are_not_limited_ones(self, reason):
        async with rig("a") as pool:
            await rest(pool, A, HOUR, reason)

            with pytest.raises(NoWorkerError) as refused:
                await pool.serve("s")

            assert 1 <= refused.value.retry_after <= 5

    async def test_without_an_account_in_service_there_is_no_worker(self):
        async with rig("a") as pool:
            pool.pool.set_ready(A, ready=False, reason="starting")

            with pytest.raises(NoWorkerError):
                await pool.serve("s")

    async def test_who_will_not_queue_is_told_that_all_are_busy(self):
        async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
            holder = Holder(pool, tasks)
            await holder.held()

            with pytest.raises(QueueFullError):
                await pool.serve(max_wait=0)

            holder.end()

    async def test_who_waits_hears_when_the_last_account_is_exhausted(self):
        async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
            holder = Holder(pool, tasks, verdict=quota(time.time() + HOUR))
            await holder.held()
            waiter = tasks.create_task(refusal(pool))
            await until(lambda: pool.pool.waiting == 1)
            holder.end()

            assert isinstance(await waiter, AllLimitedError)

    async def test_who_waits_hears_when_the_last_worker_goes(self):
        async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
            holder = Holder(pool, tasks)
            await holder.held()
            waiter = tasks.create_task(refusal(pool))
            await until(lambda: pool.pool.waiting == 1)
            pool.pool.set_ready(A, ready=False, reason="unreachable")

            assert isinstance(await waiter, NoWorkerError)
            holder.end()

    async def test_who_waits_is_sent_away_when_the_pool_stops(self):
        async with asyncio.TaskGroup() as tasks:
            async with rig("a", concurrency=1) as pool:
                holder = Holder(pool, tasks)
                await holder.held()
                waiter = tasks.create_task(refusal(pool))
                await until(lambda: pool.pool.waiting == 1)
            holder.end()

            assert isinstance(await waiter, NoWorkerError)


async def refusal(pool, session=None):
    with pytest.raises((AllLimitedError, NoWorkerError)) as refused:
        await pool.serve(session)
    return refused.value


async def served(holders, count=1):
    """Those who have got an account, once they are so many."""
    await until(lambda: sum(holder.lease is not None for holder in holders) >= count)
    return [holder for holder in holders if holder.lease is not None]


class TestReset:
    async def test_of_24_that_wait_for_a_reset_one_goes_first_and_the_rest_follow(self):
        async with rig("a", concurrency=24) as pool, asyncio.TaskGroup() as tasks:
            await rest(pool, A, 0.05)
            holders = [Holder(pool, tasks, f"s{number}") for number in range(24)]
            (canary,) = await served(holders)

            assert pool.pool.waiting == 23
            assert canary.lease.slot.standing is Standing.CANARY
            assert (await pool.status(A)).state == "probation"
            canary.lease.answering()
            await served(holders, 2)
            assert pool.pool.waiting == 22
            for holder in holders:
                holder.end()

        assert pool.pool.waiting == 0

    async def test_a_canary_that_fails_holds_the_others_back(self):
        async with rig("a") as pool, asyncio.TaskGroup() as tasks:
            await rest(pool, A, 0.05)
            holders = [Holder(pool, tasks, f"s{number}") for number in range(5)]
            (canary,) = await served(holders)
            canary.verdict = quota(time.time() + 0.1)
            canary.end()
            await canary.task

            assert await served(holders) == [canary]
            assert canary in await served(holders, 2)
            assert time.time() > canary.verdict.until
            for holder in holders:
                holder.end()

    async def test_waking_an_account_lets_a_waiter_go_at_once(self):
        async with rig("a") as pool, asyncio.TaskGroup() as tasks:
            await rest(pool, A, 30)
            holder = Holder(pool, tasks)
            await until(lambda: pool.pool.waiting == 1)
            await pool.store.wake(A, ANY_MODEL)

            assert await holder.held() == A
            assert ("woken", A) in pool.events.told
            holder.end()

    async def test_an_account_that_comes_into_service_serves_a_waiter(self):
        async with rig("a", concurrency=1) as pool, asyncio.TaskGroup() as tasks:
            first, second = Holder(pool, tasks), Holder(pool, tasks)
            await first.held()
            pool.pool.replace(accounts("a", "b"))

            assert await second.held() == B
            first.end()
            second.end()


async def test_the_clock_is_the_stores():
    store = MemoryStore(clock=lambda: 5000.0)
    async with rig("a", store=store) as pool:
        assert pool.pool.now() == 5000

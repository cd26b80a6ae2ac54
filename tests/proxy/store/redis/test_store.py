"""What only a store has that replicas share; the rest is in the conformance suite."""

import asyncio
import time
from collections import Counter

import pytest

from proxy.core.account import ANY_MODEL, AccountName
from proxy.core.cooldown import Cooldown, Reason
from proxy.store.away import Away, StoreAwayError
from proxy.store.base import Candidate, Placing, Refusal, Slot, Standing, StorePolicy, Wish
from tests.proxy.store.factories import Clock, on_redis, redis
from tests.proxy.store.wishes import GONE, OK, OPUS, A, B, bind, fill, quota, wish
from tests.redis_rig import redis_server

HOUR = 3600.0


async def in_flight(store, account=A):
    return (await store.snapshot()).accounts[account].in_flight


class TestReplicas:
    async def test_of_a_hundred_first_requests_over_two_one_binds_the_session(self):
        async with on_redis(2) as stores:
            wishes = [wish("s", "ab" if n % 3 else "ba", concurrency=200) for n in range(100)]
            claims = [stores[n % 2].claim(one) for n, one in enumerate(wishes)]
            slots = await asyncio.gather(*claims)

        assert len({slot.account for slot in slots}) == 1
        assert Counter(slot.placing for slot in slots) == {Placing.FIRST: 1, Placing.HIT: 99}

    async def test_two_hundred_new_sessions_at_once_over_three_keep_to_the_bound(self):
        names = [f"account-{number}" for number in range(10)]
        orders = [names[n % 4 :] + names[: n % 4] for n in range(200)]
        async with on_redis(3) as stores:
            wishes = [wish(f"s{n}", order, concurrency=100) for n, order in enumerate(orders)]
            claims = [stores[n % 3].claim(one) for n, one in enumerate(wishes)]
            slots = await asyncio.gather(*claims)

        assert max(Counter(slot.account for slot in slots).values()) <= 1.25 * 20 + 1

    async def test_an_account_carries_no_more_over_all_of_them_than_it_may(self):
        async with on_redis(3) as stores:
            claims = [stores[n % 3].claim(wish(f"s{n}", "a", concurrency=7)) for n in range(60)]
            found = await asyncio.gather(*claims)

            assert sum(isinstance(one, Slot) for one in found) == 7
            assert await in_flight(stores[0]) == 7

    async def test_at_no_instant_does_an_account_carry_more_than_it_may(self):
        carried, most = Counter(), Counter()

        async def client(store, number):
            for turn in range(20):
                slot = await store.claim(wish(f"s{number}-{turn % 3}", "ab", concurrency=4))
                if isinstance(slot, Slot):
                    carried[slot.account] += 1
                    most[slot.account] = max(most[slot.account], carried[slot.account])
                    await asyncio.sleep(0)
                    carried[slot.account] -= 1
                    store.settle(slot, OK)

        async with on_redis(3) as stores:
            await asyncio.gather(*(client(stores[number % 3], number) for number in range(30)))
            *_, left = [await store.snapshot() for store in stores]

        assert most == {A: 4, B: 4}
        assert [state.in_flight for state in left.accounts.values()] == [0, 0]

    async def test_one_canary_goes_for_all_of_them(self):
        clock = Clock()
        async with on_redis(3, clock) as stores:
            await stores[0].rest(A, ANY_MODEL, Cooldown(clock.now + 60, Reason.QUOTA))
            clock.advance(60)
            found = await asyncio.gather(*(stores[n % 3].claim(wish(None, "a")) for n in range(24)))

        granted = [one for one in found if isinstance(one, Slot)]
        assert [slot.standing for slot in granted] == [Standing.CANARY]

    async def test_the_slots_of_one_that_vanished_come_back_when_their_leases_end(self):
        clock = Clock()
        async with on_redis(2, clock) as (gone, other):
            await fill(gone, A, 3)
            clock.advance(44.9)
            before = await other.claim(wish(None, "a", concurrency=3))
            clock.advance(0.2)

            assert isinstance(before, Refusal)
            assert len(await fill(other, A, 3, concurrency=3)) == 3

    async def test_one_learns_of_a_binding_that_another_made(self):
        async with on_redis(2) as (one, other):
            await bind(one, "s", B)
            before = other.guess("s", OPUS)
            slot = await other.claim(wish("s", "ab"))

        assert (before, slot.account, other.guess("s", OPUS)) == (None, B, B)

    async def test_how_many_there_are(self):
        clock = Clock()
        async with on_redis(3, clock) as stores:
            counts = [(await store.beat()).replicas for store in (*stores, stores[0])]
            clock.advance(11)

            assert counts == [1, 2, 3, 3]
            assert (await stores[1].beat()).replicas == 1

    async def test_whether_the_state_is_the_one_of_before(self):
        async with on_redis(2) as (store, other):
            births = [(await one.beat()).birth for one in (store, other)]
            redis().call("FLUSHALL")

            assert len({*births}) == 1
            assert (await other.beat()).birth not in births

    async def test_what_one_learned_alone_binds_no_session_anew(self):
        async with on_redis(1) as (store,):
            await bind(store, "s", A)

            await store.adopt([("s", B), ("t", B)])

            assert (await store.claim(wish("s", "ab"))).account == A
            assert (await store.claim(wish("t", "ab"))).account == B


class TestLoss:
    async def test_after_a_flush_the_requests_that_run_count_again_once_renewed(self):
        async with on_redis(1) as (store,):
            slots = await fill(store, A, 3, concurrency=4)
            redis().call("FLUSHALL")
            await store.renew(slots)

            assert await in_flight(store) == 3
            assert len(await fill(store, A, 1, concurrency=4)) == 1
            assert isinstance(await store.claim(wish(None, "a", concurrency=4)), Refusal)

    @pytest.mark.parametrize("turns", range(12))
    async def test_a_claim_that_is_cancelled_holds_nothing(self, turns):
        async with on_redis(1) as (store,), asyncio.TaskGroup() as tasks:
            store.settle((await fill(store, A, 1))[0], GONE)
            claim = tasks.create_task(store.claim(wish("s", "a")))
            for _ in range(turns):
                await asyncio.sleep(0)
            claim.cancel()
            await asyncio.wait([claim])

            assert await in_flight(store) == (0 if claim.cancelled() else 1)

    async def test_a_claim_whose_answer_was_lost_holds_nothing_and_what_was_told_arrives(self):
        with redis_server() as server:
            async with on_redis(1, server=server, seconds=0.1) as (store,):
                (held,) = await fill(store, A, 1)
                server.freeze()
                store.settle(held, quota(2e9))
                with pytest.raises(StoreAwayError) as away:
                    await store.claim(wish(None, "ab"))
                server.thaw()
                await until_back(store)

                accounts = (await store.snapshot()).accounts
                assert away.value.kind is Away.TIMEOUT
                assert [state.in_flight for state in accounts.values()] == [0] * len(accounts)
                assert accounts[A].cooldowns[ANY_MODEL].until == 2e9


async def until_back(store):
    """Wait until it answers again."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await store.snapshot()
            except StoreAwayError:
                await asyncio.sleep(0.01)


class TestTime:
    async def test_a_replicas_own_clock_never_enters(self, monkeypatch):
        async with on_redis(2) as (store, other):
            before = (await store.snapshot()).now
            for skew in (600, -600):
                monkeypatch.setattr("time.time", lambda skew=skew: before + skew)
                slot = await other.claim(wish(None, "a"))

                assert before <= slot.granted_at < before + 60

    async def test_a_replica_whose_clock_is_wrong_goes_by_redis_from_the_first_answer_on(
        self, monkeypatch
    ):
        true = time.time()
        monkeypatch.setattr("time.time", lambda: true + HOUR)
        async with on_redis(1) as (store,):
            before, snapshot = store.now(), await store.snapshot()

            assert before >= true + HOUR
            assert snapshot.now <= store.now() < true + 60


class TestKeys:
    async def test_all_share_one_tag_and_none_is_searched_for(self):
        async with on_redis(1) as (store,):
            redis().call("CONFIG", "RESETSTAT")
            await store.claim(wish("s", "a"))
            await store.rest(A, ANY_MODEL, Cooldown(2e9, Reason.QUOTA))
            await store.claim(wish("s", "b", concurrency=0))
            await store.beat()
            used = redis().call("INFO", "commandstats")
            keys = redis().call("KEYS", "*")

        assert all(key.startswith("{headgate}:") for key in keys)
        assert len(keys) == 8
        assert not {"cmdstat_scan", "cmdstat_keys"} & set(used)

    async def test_bindings_are_bounded_and_the_least_recently_used_go(self):
        clock, policy = Clock(), StorePolicy(affinity_ttl=100, affinity_limit=10)
        async with on_redis(1, clock, policy) as (store,):
            for number in range(30):
                clock.advance(1)
                await bind(store, f"s{number}", A)
            await store.claim(wish("s20", "a"))
            clock.advance(1)
            await bind(store, "s30", A)
            left = {key.rpartition(":")[2] for key in redis().call("KEYS", "*:session:*")}

        assert left == {"s20", *(f"s{number}" for number in range(22, 31))}

    async def test_a_limit_that_was_lowered_is_come_down_to_step_by_step(self):
        clock, policy, left = Clock(), StorePolicy(affinity_ttl=100, affinity_limit=10), []
        async with on_redis(1, clock, policy) as (store,):
            with redis().client() as client:
                client.zadd("{headgate}:sessions", {f"old{n}": clock.now + 50 for n in range(50)})
            for number in range(50):
                await bind(store, f"new{number}", A)
                left.append(redis().call("ZCARD", "{headgate}:sessions"))

        assert left == [*range(49, 9, -1), *[10] * 10]

    async def test_bindings_that_have_run_out_give_way(self):
        clock, policy = Clock(), StorePolicy(affinity_ttl=100)
        async with on_redis(1, clock, policy) as (store,):
            for number in range(10):
                await bind(store, f"old{number}", A)
            clock.advance(101)
            for number in range(5):
                await bind(store, f"new{number}", A)
            left = redis().call("KEYS", "*:session:*")

        assert len(left) == 5

    async def test_every_session_key_ends_by_itself(self):
        async with on_redis(1) as (store,):
            await bind(store, "s", A)
            lives = [redis().call("PTTL", f"{{headgate}}:{k}") for k in ("session:s", "sessions")]

        assert all(3500_000 < life <= 3600_000 for life in lives)

    async def test_a_hundred_accounts_are_read_in_one_trip(self):
        among = tuple(Candidate(AccountName(f"account-{n}"), 6) for n in range(100))
        async with on_redis(1) as (store,):
            for number in range(600):
                await store.claim(Wish(f"w{number}", None, OPUS, among))
            redis().call("CONFIG", "RESETSTAT")
            seen = await store.snapshot()
            used = redis().call("INFO", "commandstats")

        assert sum(state.in_flight for state in seen.accounts.values()) == 600
        assert used["cmdstat_evalsha"]["calls"] <= 2
        assert used["cmdstat_hgetall"]["calls"] <= 2

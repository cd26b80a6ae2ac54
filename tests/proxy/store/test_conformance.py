"""What every store must do, whatever it is made of."""

import asyncio
from collections import Counter
from math import inf

import pytest

from proxy.core.account import ANY_MODEL
from proxy.core.cooldown import Cooldown, Reason
from proxy.store.base import (
    Candidate,
    Placing,
    Pressure,
    Reach,
    Refusal,
    Settlement,
    Slot,
    Standing,
    Wish,
)
from proxy.store.gate import CAUTION
from tests.proxy.store.wishes import (
    GONE,
    HAIKU,
    OK,
    OPUS,
    A,
    B,
    C,
    bind,
    burst,
    fill,
    model_limit,
    quota,
    wish,
)

HOUR = 3600.0


async def state(store, account):
    return (await store.snapshot()).accounts[account]


async def own(store, session, family=OPUS):
    """Where a session's next request is served, everything being free."""
    slot = await store.claim(wish(session, "abc", family=family, concurrency=100))
    store.settle(slot, GONE)
    return slot.account


class TestClaiming:
    async def test_the_first_candidate_with_room_is_taken(self, store):
        await fill(store, A, 2, concurrency=2)

        slot = await store.claim(wish(None, "ab", concurrency=2))

        assert (slot.account, slot.placing) == (B, Placing.UNBOUND)

    async def test_an_account_never_carries_more_than_its_concurrency(self, store):
        found = await asyncio.gather(*(store.claim(wish(f"s{n}", "a")) for n in range(100)))

        assert sum(isinstance(one, Slot) for one in found) == 6
        assert all(one.full for one in found if isinstance(one, Refusal))
        assert (await state(store, A)).in_flight == 6

    async def test_claiming_twice_with_one_id_yields_one_slot(self, store):
        first = await store.claim(wish("s", "ab", id_="one"))
        second = await store.claim(wish("s", "ab", id_="one"))

        assert second == first
        assert (await state(store, A)).in_flight == 1

    async def test_a_tried_account_is_not_granted_and_does_not_count_as_full(self, store):
        refused = await store.claim(wish(None, "a", tried="a"))

        assert refused == Refusal(refused.now)

    async def test_without_candidates_nothing_is_granted(self, store):
        refused = await store.claim(wish("s", ""))

        assert refused == Refusal(refused.now)

    async def test_a_lowered_concurrency_holds_at_once(self, store):
        await fill(store, A, 4)

        refused = await store.claim(wish(None, "a", concurrency=4))

        assert refused.full


class TestPlacing:
    async def test_two_hundred_new_sessions_at_once_keep_to_the_bound(self, store):
        orders = ["abcdefghij"[n % 10 :] + "abcdefghij"[: n % 10] for n in range(4)] * 50
        wishes = [wish(f"s{n}", order, concurrency=100) for n, order in enumerate(orders)]
        slots = await asyncio.gather(*(store.claim(one) for one in wishes))

        carried = Counter(slot.account for slot in slots)
        assert max(carried.values()) <= 1.25 * 20 + 1

    @pytest.mark.parametrize(
        ("reason", "expected"), [(Reason.FAILING, "bbab"), (Reason.QUOTA, "abbb")]
    )
    async def test_an_account_that_failed_goes_after_the_sound_and_before_the_overloaded(
        self, store, clock, reason, expected
    ):
        await store.rest(A, ANY_MODEL, Cooldown(clock.now + 60, reason))
        clock.advance(60)

        slots = [await store.claim(wish(f"s{n}", "ab")) for n in range(4)]

        assert "".join(slot.account for slot in slots) == expected

    async def test_an_account_carries_in_proportion_to_its_share(self, store):
        among = tuple(Candidate(name, 100, share=share) for name, share in ((A, 3.0), (B, 1.0)))
        wishes = [Wish(f"w{n}", None, OPUS, among) for n in range(40)]
        slots = await asyncio.gather(*(store.claim(one) for one in wishes))

        assert Counter(slot.account for slot in slots) == {A: 30, B: 10}


class TestAffinity:
    async def test_of_a_hundred_first_requests_at_once_one_binds_the_session(self, store):
        wishes = [wish("s", order, concurrency=200) for order in ("abc", "bca", "cab") * 34]
        slots = await asyncio.gather(*(store.claim(one) for one in wishes))

        assert len({slot.account for slot in slots}) == 1
        assert [slot.placing for slot in slots].count(Placing.FIRST) == 1

    async def test_a_session_comes_back_to_its_account_whatever_the_order(self, store):
        await bind(store, "s", B)

        slot = await store.claim(wish("s", "ab"))

        assert (slot.account, slot.placing, slot.own) == (B, Placing.HIT, B)

    async def test_a_binding_slides_and_is_forgotten_when_unused(self, store, clock):
        await bind(store, "s", B)
        for _ in range(3):
            clock.advance(0.9 * HOUR)
            assert await own(store, "s") == B
        clock.advance(1.1 * HOUR)

        slot = await store.claim(wish("s", "ab"))

        assert (slot.account, slot.placing) == (A, Placing.FIRST)

    async def test_a_guess_is_the_sessions_own_account_and_reads_only(self, store):
        await bind(store, "s", B)

        assert store.guess("s", OPUS) == B
        assert store.guess("t", OPUS) is None

    async def test_a_right_guess_is_granted(self, store):
        await bind(store, "s", B)

        slot = await store.claim(wish("s", "b", reach=Reach.OWN))

        assert slot.placing is Placing.HIT

    @pytest.mark.parametrize("session", ["bound elsewhere", "unbound"])
    async def test_a_wrong_guess_is_refused_and_binds_nothing(self, store, session):
        await bind(store, "bound elsewhere", A)

        refused = await store.claim(wish(session, "b", reach=Reach.OWN))

        assert refused == Refusal(refused.now)
        assert store.guess(session, OPUS) == (A if session == "bound elsewhere" else None)


class TestSpilling:
    async def test_a_session_whose_account_is_full_waits_for_it(self, store):
        await bind(store, "s", A)
        await fill(store, A, 6)

        for reach, among in ((Reach.HOLD, "ab"), (Reach.OWN, "a")):
            refused = await store.claim(wish("s", among, reach=reach))

            assert refused == Refusal(refused.now, full=True, own=A)

    async def test_a_spilled_request_leaves_the_binding(self, store):
        await bind(store, "s", A)
        held = await fill(store, A, 6)

        slot = await store.claim(wish("s", "ab"))
        store.settle(slot, OK)
        store.settle(held[0], OK)

        assert (slot.account, slot.placing) == (B, Placing.SPILLED)
        assert await own(store, "s") == A

    async def test_a_pause_for_a_burst_spills_and_does_not_move(self, store, clock):
        await bind(store, "s", A)
        store.settle((await fill(store, A, 1))[0], burst(clock.now + 5))

        waits = await store.claim(wish("s", "ab", reach=Reach.HOLD))
        spilled = await store.claim(wish("s", "ab"))
        store.settle(spilled, OK)
        clock.advance(5)

        assert waits == Refusal(waits.now, limited=True, until=waits.now + 5, own=A)
        assert spilled.placing is Placing.SPILLED
        assert await own(store, "s") == A

    async def test_a_session_whose_account_was_tried_spills_at_once(self, store):
        await bind(store, "s", A)

        slot = await store.claim(wish("s", "ab", tried="a", reach=Reach.HOLD))

        assert (slot.account, slot.placing) == (B, Placing.SPILLED)


class TestMoving:
    @pytest.mark.parametrize("reason", [Reason.QUOTA, Reason.AUTH, Reason.BILLING, Reason.DRAINED])
    async def test_a_hard_rest_moves_a_session_once_the_other_account_has_served(
        self, store, clock, reason
    ):
        await bind(store, "s", A)
        await store.rest(A, ANY_MODEL, Cooldown(clock.now + HOUR, reason))

        slot = await store.claim(wish("s", "ab", reach=Reach.HOLD))
        before = store.guess("s", OPUS)
        store.settle(slot, OK)

        assert (slot.account, slot.placing, before) == (B, Placing.MOVED, A)
        clock.advance(0.9 * HOUR)
        assert await own(store, "s") == B

    async def test_an_account_out_of_service_moves_its_sessions(self, store):
        await bind(store, "s", A)

        slot = await store.claim(wish("s", "bc", reach=Reach.HOLD))
        store.settle(slot, OK)

        assert slot.placing is Placing.MOVED
        assert await own(store, "s") == B

    async def test_a_replacement_that_fails_moves_nothing(self, store, clock):
        await bind(store, "s", A)
        await store.rest(A, ANY_MODEL, Cooldown(clock.now + 60, Reason.QUOTA))

        store.settle(await store.claim(wish("s", "ab")), Settlement(failed=True))
        store.settle(await store.claim(wish("s", "ab")), GONE)
        clock.advance(60)

        assert await own(store, "s") == A

    async def test_two_replacements_at_once_move_the_session_once(self, store, clock):
        await bind(store, "s", A)
        await store.rest(A, ANY_MODEL, Cooldown(clock.now + HOUR, Reason.QUOTA))
        first = await store.claim(wish("s", "bc"))
        second = await store.claim(wish("s", "cb"))

        store.settle(first, OK)
        store.settle(second, OK)

        assert (first.account, second.account) == (B, C)
        assert await own(store, "s") == B

    async def test_a_model_limit_moves_the_session_for_that_model_only(self, store, clock):
        await bind(store, "s", A)
        store.settle((await fill(store, A, 1))[0], model_limit(clock.now + HOUR))

        moved = await store.claim(wish("s", "ab"))
        stays = await store.claim(wish("s", "ab", family=HAIKU))
        store.settle(moved, OK)
        store.settle(stays, OK)

        assert (moved.account, moved.placing) == (B, Placing.MOVED)
        assert (stays.account, stays.placing) == (A, Placing.HIT)
        assert (store.guess("s", OPUS), store.guess("s", HAIKU)) == (B, A)

    async def test_a_session_moved_for_one_model_moves_for_it_again(self, store, clock):
        await bind(store, "s", A)
        store.settle((await fill(store, A, 1))[0], model_limit(clock.now + HOUR))
        store.settle(await store.claim(wish("s", "ab")), OK)
        await store.rest(B, ANY_MODEL, Cooldown(clock.now + HOUR, Reason.QUOTA))

        again = await store.claim(wish("s", "abc"))
        store.settle(again, OK)

        assert (again.account, again.placing) == (C, Placing.MOVED)
        assert (store.guess("s", OPUS), store.guess("s", HAIKU)) == (C, A)


class TestSettling:
    async def test_a_slot_is_given_back_once(self, store):
        first, *_ = await fill(store, A, 6)

        store.settle(first, OK)
        store.settle(first, burst(2e9))
        store.settle(first, OK)

        seen = await state(store, A)
        assert (seen.in_flight, seen.streak, seen.cooldowns) == (5, 0, {})

    async def test_a_slot_that_nobody_granted_changes_nothing(self, store, clock):
        await fill(store, A, 1)
        stranger = Slot("never", A, OPUS, Placing.UNBOUND, clock.now)

        store.settle(stranger, quota(clock.now + HOUR))
        store.prove(stranger)

        seen = await state(store, A)
        assert (seen.in_flight, seen.cooldowns) == (1, {})

    async def test_a_lease_that_is_not_renewed_runs_out(self, store, clock):
        kept, lost = await fill(store, A, 2, concurrency=2)
        clock.advance(30)
        await store.renew([kept])
        clock.advance(30)

        slot = await store.claim(wish(None, "a", concurrency=2))
        store.settle(lost, quota(clock.now + HOUR))

        assert isinstance(slot, Slot)
        assert isinstance(await store.claim(wish(None, "a", concurrency=2)), Refusal)

    async def test_what_a_lost_lease_says_late_changes_nothing(self, store, clock):
        (lost,) = await fill(store, A, 1, concurrency=1)
        clock.advance(60)
        await fill(store, A, 1, concurrency=1)

        store.settle(lost, quota(clock.now + HOUR))

        seen = await state(store, A)
        assert (seen.in_flight, seen.cooldowns) == (1, {})

    async def test_a_lost_lease_that_is_renewed_counts_again(self, store, clock):
        (lost,) = await fill(store, A, 1, concurrency=1)
        clock.advance(60)
        await fill(store, A, 1, concurrency=1)

        await store.renew([lost])
        both = (await state(store, A)).in_flight
        store.settle(lost, OK)

        assert (both, (await state(store, A)).in_flight) == (2, 1)
        assert (await store.claim(wish(None, "a", concurrency=1))).full

    async def test_the_listener_hears_what_frees_rests_and_wakes(self, store, clock, ear):
        first, second = await fill(store, A, 2)

        store.settle(first, quota(clock.now + 60))
        store.settle(second, quota(clock.now + 90))
        await store.wake(A, ANY_MODEL)
        await store.wake(A, ANY_MODEL)

        assert [told for told in ear.heard if told[0] != "freed"] == [
            ("rested", A, Reason.QUOTA),
            ("woken", A),
        ]
        assert ear.heard.count(("freed", A)) == 2


class TestResting:
    @pytest.mark.parametrize("order", [(60, 90), (90, 60)])
    async def test_of_two_cooldowns_the_later_stands(self, store, clock, order):
        for slot, rest in zip(await fill(store, A, 2), order, strict=True):
            store.settle(slot, quota(clock.now + rest))

        seen = await state(store, A)
        assert seen.cooldowns == {ANY_MODEL: Cooldown(clock.now + 90, Reason.QUOTA)}

    async def test_a_resting_account_is_refused_with_the_soonest_end(self, store, clock):
        await store.rest(A, ANY_MODEL, Cooldown(clock.now + 60, Reason.QUOTA))
        await store.rest(B, OPUS, Cooldown(clock.now + 30, Reason.MODEL_LIMIT))

        refused = await store.claim(wish(None, "ab"))

        assert refused == Refusal(refused.now, limited=True, until=refused.now + 30)

    async def test_a_broken_account_is_not_a_limited_one(self, store, clock):
        await store.rest(A, ANY_MODEL, Cooldown(clock.now + 60, Reason.AUTH))

        refused = await store.claim(wish(None, "a"))

        assert refused == Refusal(refused.now, until=refused.now + 60)

    async def test_a_rest_without_end_has_no_end_to_wait_for(self, store):
        await store.rest(A, ANY_MODEL, Cooldown(inf, Reason.DRAINED))

        refused = await store.claim(wish(None, "a"))

        assert refused == Refusal(refused.now)

    async def test_a_rest_of_one_model_keeps_no_other_off(self, store, clock):
        await store.rest(A, OPUS, Cooldown(clock.now + 60, Reason.MODEL_LIMIT))

        slot = await store.claim(wish(None, "a", family=HAIKU))

        assert slot.standing is Standing.TRUSTED

    async def test_a_cooldown_ends_by_time_alone(self, store, clock):
        held, other = await fill(store, A, 2)
        store.settle(held, quota(clock.now + 60))
        store.settle(other, OK)

        for seconds in (30, 29.9):
            clock.advance(seconds)
            assert isinstance(await store.claim(wish(None, "a")), Refusal)
        clock.advance(0.1)
        assert isinstance(await store.claim(wish(None, "a")), Slot)

    async def test_waking_ends_a_cooldown_and_a_canary_goes_first(self, store, clock):
        await store.rest(A, ANY_MODEL, Cooldown(clock.now + HOUR, Reason.AUTH))
        clock.advance(1)

        await store.wake(A, ANY_MODEL, Reason.AUTH)

        assert (await store.claim(wish(None, "a"))).standing is Standing.CANARY
        assert (await store.claim(wish(None, "a"))).full

    async def test_waking_leaves_a_rest_for_another_reason(self, store, clock):
        await store.rest(A, ANY_MODEL, Cooldown(clock.now + HOUR, Reason.QUOTA))

        await store.wake(A, ANY_MODEL, Reason.AUTH)
        await store.wake(A, OPUS)

        assert isinstance(await store.claim(wish(None, "a")), Refusal)


class TestProbation:
    @pytest.fixture
    async def rested(self, store, clock):
        """Account a, whose cooldown has just run out."""
        await store.rest(A, ANY_MODEL, Cooldown(clock.now + 60, Reason.QUOTA))
        clock.advance(60)
        return store

    async def test_of_24_at_the_reset_one_canary_goes(self, rested):
        found = await asyncio.gather(*(rested.claim(wish(None, "a")) for _ in range(24)))

        granted = [one for one in found if isinstance(one, Slot)]
        assert [slot.standing for slot in granted] == [Standing.CANARY]
        assert all(one.full for one in found if isinstance(one, Refusal))
        assert (await state(rested, A)).probation

    async def test_after_it_the_account_rises_by_doubling(self, rested):
        allowed = []
        for _ in range(4):
            slots = []
            while isinstance(slot := await rested.claim(wish(None, "a")), Slot):
                slots.append(slot)
            allowed.append(len(slots))
            rested.settle(slots[0], OK)
            for slot in slots[1:]:
                rested.settle(slot, GONE)

        assert allowed == [1, 2, 4, 6]
        assert not (await state(rested, A)).probation

    async def test_a_canary_need_not_end_to_prove_the_account(self, rested):
        canary = await rested.claim(wish(None, "a"))

        rested.prove(canary)
        rested.prove(canary)

        assert isinstance(await rested.claim(wish(None, "a")), Slot)
        assert (await rested.claim(wish(None, "a"))).full
        rested.settle(canary, OK)
        assert isinstance(await rested.claim(wish(None, "a")), Slot)

    async def test_a_canary_that_left_makes_room_for_another(self, rested):
        rested.settle(await rested.claim(wish(None, "a")), GONE)

        assert (await rested.claim(wish(None, "a"))).standing is Standing.CANARY

    async def test_a_canary_whose_replica_died_makes_room_for_another(self, rested, clock):
        await rested.claim(wish(None, "a"))
        clock.advance(46)

        assert (await rested.claim(wish(None, "a"))).standing is Standing.CANARY

    async def test_a_canary_that_fails_sends_the_account_back_with_a_longer_streak(
        self, rested, clock
    ):
        streaks = []
        for _ in range(3):
            canary = await rested.claim(wish(None, "a"))
            streaks.append(canary.streak)
            rested.settle(canary, quota(clock.now + 60))
            assert isinstance(await rested.claim(wish(None, "a")), Refusal)
            clock.advance(60)

        assert streaks == [0, 1, 2]

    async def test_streams_from_before_the_rest_neither_block_nor_prove(self, store, clock):
        before = await fill(store, A, 3)
        await store.rest(A, ANY_MODEL, Cooldown(clock.now + 30, Reason.QUOTA))
        clock.advance(30)

        store.settle(before[0], OK)
        canary = await store.claim(wish(None, "a"))

        assert canary.standing is Standing.CANARY
        assert (await store.claim(wish(None, "a"))).full

    async def test_a_model_is_on_probation_by_itself(self, store, clock):
        await store.rest(A, OPUS, Cooldown(clock.now + 60, Reason.MODEL_LIMIT))
        clock.advance(60)

        await fill(store, A, 3, family=HAIKU)
        canary = await store.claim(wish(None, "a"))

        assert canary.standing is Standing.CANARY
        assert (await store.claim(wish(None, "a"))).full
        assert isinstance(await store.claim(wish(None, "a", family=HAIKU)), Slot)


class TestStreak:
    async def test_twenty_bursts_of_one_moment_make_one_rest(self, store, clock, ear):
        slots = await fill(store, A, 20, concurrency=20)
        for slot in slots:
            clock.advance(0.01)
            store.settle(slot, burst(clock.now + 5))

        seen = await state(store, A)
        assert {slot.streak for slot in slots} == {0}
        assert seen.streak == 1
        assert seen.limit == 14
        assert ear.heard.count(("rested", A, Reason.BURST)) == 1

    async def test_a_late_burst_does_not_reopen_a_pause_that_is_over(self, store, clock):
        first, late = await fill(store, A, 2)
        clock.advance(1)
        store.settle(first, burst(clock.now + 5))
        clock.advance(6)

        store.settle(late, burst(clock.now + 5))

        assert isinstance(await store.claim(wish(None, "a")), Slot)

    async def test_a_late_quota_is_a_fact_and_rests_the_account(self, store, clock):
        first, late = await fill(store, A, 2)
        clock.advance(1)
        store.settle(first, burst(clock.now + 5))
        clock.advance(6)

        store.settle(late, quota(clock.now + HOUR))

        assert (await store.claim(wish(None, "a"))).until == clock.now + HOUR

    async def test_a_success_ends_the_streak_unless_it_is_older(self, store, clock):
        old, failing = await fill(store, A, 2)
        clock.advance(1)
        store.settle(failing, Settlement(failed=True))
        store.settle(old, OK)
        kept = (await state(store, A)).streak

        clock.advance(1)
        store.settle((await fill(store, A, 1))[0], OK)

        assert (kept, (await state(store, A)).streak) == (1, 0)

    async def test_failures_one_after_the_other_add_up(self, store, clock):
        for expected in range(5):
            clock.advance(1)
            (slot,) = await fill(store, A, 1)
            store.settle(slot, Settlement(failed=True))

            assert slot.streak == expected
            assert (await state(store, A)).streak == expected + 1


class TestPressure:
    async def test_a_burst_lowers_the_limit_and_clean_full_windows_raise_it(self, store, clock):
        slots = await fill(store, A, 10, concurrency=10)
        store.settle(slots[0], burst(clock.now + 1))
        for slot in slots[1:]:
            store.settle(slot, GONE)
        clock.advance(1)
        limits = [(await state(store, A)).limit]
        for _ in range(20):
            clock.advance(1)
            await self._saturate(store)
            limits.append((await state(store, A)).limit)

        assert limits == sorted(limits)
        assert list(dict.fromkeys(limits)) == [1, 2, 7, 8, 9, 10]

    async def test_near_the_limit_that_met_a_burst_growth_is_slow(self, store, clock):
        slots = await fill(store, A, 10, concurrency=10)
        store.settle(slots[0], burst(clock.now + 1))
        for slot in slots[1:]:
            store.settle(slot, GONE)
        windows = Counter[int]()
        for _ in range(30):
            clock.advance(1)
            await self._saturate(store)
            windows[(await state(store, A)).limit] += 1

        assert windows[8] == 1
        assert windows[9] == CAUTION

    async def test_clean_answers_without_saturation_teach_nothing(self, store, clock):
        slots = await fill(store, A, 10, concurrency=10)
        store.settle(slots[0], burst(clock.now + 1))
        for slot in slots[1:]:
            store.settle(slot, GONE)
        clock.advance(1)
        for _ in range(50):
            store.settle((await fill(store, A, 1, concurrency=10))[0], OK)

        assert (await state(store, A)).limit == 7

    async def test_the_limit_never_falls_below_one(self, store, clock):
        for _ in range(30):
            clock.advance(1)
            (slot,) = await fill(store, A, 1, concurrency=4)
            store.settle(slot, Settlement(pressure=Pressure.BURST, failed=True))

        assert (await state(store, A)).limit == 1
        assert isinstance(await store.claim(wish(None, "a", concurrency=4)), Slot)

    async def _saturate(self, store):
        """Fill the account to its limit, and nobody is refused."""
        limit = (await state(store, A)).limit
        slots = await fill(store, A, limit, concurrency=10)
        for slot in slots:
            store.settle(slot, OK)

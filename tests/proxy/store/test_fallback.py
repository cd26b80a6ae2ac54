import pytest

from proxy.core.account import ANY_MODEL
from proxy.core.cooldown import Cooldown, Reason
from proxy.store.away import Away
from proxy.store.base import Placing, Refusal, Slot, Standing
from tests.proxy.pool_rig import until
from tests.proxy.store.factories import Ear
from tests.proxy.store.shared_rig import pair
from tests.proxy.store.wishes import (
    GONE,
    HAIKU,
    OK,
    OPUS,
    A,
    B,
    C,
    bind,
    fill,
    model_limit,
    quota,
    wish,
)

HOUR = 3600.0


@pytest.fixture
async def both():
    async with pair() as both:
        yield both


async def state(store, account):
    return (await store.snapshot()).accounts[account]


class TestLeaving:
    @pytest.mark.parametrize("kind", [Away.TIMEOUT, Away.READ_ONLY, Away.MEMORY])
    async def test_the_request_that_finds_out_is_served_like_any_other(self, both, kind):
        both.shared.away = kind

        slot = await both.store.claim(wish("s", "ab"))

        assert isinstance(slot, Slot)
        assert both.store.away
        assert both.events.left == [kind]

    async def test_it_is_asked_no_more_once_it_is_away(self, both):
        await both.lose()
        both.shared.away = None

        await fill(both.store, A, 2)

        assert (await both.shared.snapshot()).accounts == {}

    async def test_a_start_without_it_is_a_start(self):
        async with pair(away=Away.UNREACHABLE) as both:
            assert both.store.away
            assert isinstance(await both.store.claim(wish("s", "ab")), Slot)

    async def test_what_runs_goes_on_counting(self, both):
        held = await fill(both.store, A, 5)
        await both.lose()

        (last,) = await fill(both.store, A, 1)

        assert isinstance(await both.store.claim(wish(None, "a")), Refusal)
        both.store.settle(held[0], OK)
        assert isinstance(await both.store.claim(wish(None, "a")), Slot)
        assert last.id not in {slot.id for slot in held}

    async def test_rests_known_last_are_kept(self, both):
        await both.store.rest(A, ANY_MODEL, Cooldown(both.clock.now + HOUR, Reason.QUOTA))
        both.store.settle((await fill(both.store, B, 1))[0], model_limit(both.clock.now + HOUR))
        await both.lose()

        refused = await both.store.claim(wish(None, "ab"))

        assert refused == Refusal(refused.now, limited=True, until=both.clock.now + HOUR)
        assert isinstance(await both.store.claim(wish(None, "b", family=HAIKU)), Slot)

    async def test_rests_that_others_told_are_known_from_the_last_look(self, both):
        await both.shared.rest(A, ANY_MODEL, Cooldown(both.clock.now + HOUR, Reason.QUOTA))
        await both.store._look()
        await both.lose()

        assert (await both.store.claim(wish(None, "a"))).limited

    async def test_a_rest_that_others_tell_is_looked_into_at_once(self, both):
        both.store.watch(Ear())
        await both.shared.rest(A, ANY_MODEL, Cooldown(both.clock.now + HOUR, Reason.QUOTA))
        await until(lambda: A in both.store._known.accounts)
        await both.lose()

        assert (await both.store.claim(wish(None, "a"))).limited

    async def test_a_failure_that_only_this_replica_has_seen_is_kept(self, both):
        (slot,) = await fill(both.store, A, 1)
        both.shared.away = Away.TIMEOUT
        both.store.settle(slot, quota(both.clock.now + HOUR))

        assert (await both.store.claim(wish(None, "a"))).limited

    async def test_an_account_on_probation_is_so_still(self, both):
        await both.store.rest(A, ANY_MODEL, Cooldown(both.clock.now + 60, Reason.QUOTA))
        both.clock.advance(60)
        await both.store._look()
        await both.lose()

        assert (await both.store.claim(wish(None, "a"))).standing is Standing.CANARY
        assert (await both.store.claim(wish(None, "a"))).full

    async def test_a_session_stays_where_it_is_known_to_be(self, both):
        await bind(both.store, "s", B)
        await both.lose()

        slot = await both.store.claim(wish("s", "ab"))

        assert (slot.account, slot.placing) == (B, Placing.HIT)

    async def test_a_model_of_a_session_stays_apart(self, both):
        await bind(both.store, "s", A)
        both.store.settle((await fill(both.store, A, 1))[0], model_limit(both.clock.now + HOUR))
        both.store.settle(await both.store.claim(wish("s", "ab")), OK)
        await both.lose()

        places = [await both.store.claim(wish("s", "ab", family=f)) for f in (OPUS, HAIKU)]

        assert [slot.account for slot in places] == [B, A]

    async def test_those_who_wait_are_stirred(self, both):
        ear = Ear()
        both.store.watch(ear)
        await fill(both.store, A, 1)

        await both.lose()

        assert ("freed", A) in ear.heard


class TestShare:
    @pytest.mark.parametrize(("replicas", "share"), [(1, 6), (2, 3), (4, 1), (9, 1)])
    async def test_alone_a_replica_takes_its_part_of_a_gate(self, replicas, share):
        async with pair(replicas) as both:
            await both.lose()

            found = [await both.store.claim(wish(None, "a")) for _ in range(8)]

            assert sum(isinstance(one, Slot) for one in found) == share

    async def test_of_a_learned_limit_it_takes_its_part_too(self):
        async with pair(2) as both:
            for slot in await fill(both.store, A, 12, concurrency=12):
                both.store.settle(slot, GONE)
            both.shared.gates[A].learned = 8
            await both.store._look()
            await both.lose()

            found = [await both.store.claim(wish(None, "a", concurrency=12)) for _ in range(8)]

            assert sum(isinstance(one, Slot) for one in found) == 4


class TestReturning:
    async def test_what_was_granted_alone_counts_from_then_on(self, both):
        await both.lose()
        slots = await fill(both.store, A, 4)

        await both.regain()

        assert (await state(both.shared, A)).in_flight == 4
        for slot in slots:
            both.store.settle(slot, OK)
        assert (await state(both.shared, A)).in_flight == 0

    async def test_what_ended_meanwhile_is_given_back(self, both):
        held = await fill(both.store, A, 3)
        await both.lose()
        short = await fill(both.store, A, 2)
        for slot in (*held[:2], *short):
            both.store.settle(slot, OK)

        await both.regain()

        assert (await state(both.shared, A)).in_flight == 1

    async def test_rests_and_recoveries_learned_alone_are_told(self, both):
        until = both.clock.now + HOUR
        await both.store.rest(B, ANY_MODEL, Cooldown(until, Reason.AUTH))
        await both.lose()
        both.store.settle((await fill(both.store, A, 1))[0], quota(until))
        await both.store.wake(B, ANY_MODEL, Reason.AUTH)
        await both.store.rest(B, OPUS, Cooldown(until, Reason.MODEL_LIMIT))

        await both.regain()

        assert (await state(both.shared, A)).cooldowns == {ANY_MODEL: Cooldown(until, Reason.QUOTA)}
        assert (await state(both.shared, B)).cooldowns == {
            OPUS: Cooldown(until, Reason.MODEL_LIMIT)
        }

    @pytest.mark.parametrize("answers", range(2, 8))
    async def test_what_a_store_that_goes_again_was_not_told_is_told_the_next_time(
        self, both, answers
    ):
        until = both.clock.now + HOUR
        await both.lose()
        for session in "rs":
            both.store.settle(await both.store.claim(wish(session, "c")), OK)
        for account in (A, B):
            await both.store.rest(account, ANY_MODEL, Cooldown(until, Reason.QUOTA))
        both.shared.come_back(answers)
        await both.store._look()
        assert both.shared.away

        await both.regain()

        snapshot = await both.shared.snapshot()
        assert {A, B} <= {n for n, seen in snapshot.accounts.items() if seen.cooldowns}
        assert [both.shared.guess(session, OPUS) for session in "rs"] == [C, C]

    async def test_what_workers_report_again_and_again_meanwhile_does_not_pile_up(self, both):
        await both.lose()
        for seconds in range(100):
            cooldown = Cooldown(both.clock.now + 60 + seconds, Reason.QUOTA)
            await both.store.rest(A, ANY_MODEL, cooldown)

        assert len(both.store._known.news) == 0
        await both.regain()
        assert (await state(both.shared, A)).cooldowns == {ANY_MODEL: cooldown}

    async def test_a_later_rest_that_others_told_stands(self, both):
        later = Cooldown(both.clock.now + 2 * HOUR, Reason.QUOTA)
        await both.lose()
        await both.store.rest(A, ANY_MODEL, Cooldown(both.clock.now + HOUR, Reason.QUOTA))
        both.shared.come_back()
        await both.shared.rest(A, ANY_MODEL, later)

        await both.regain()

        assert (await state(both.shared, A)).cooldowns == {ANY_MODEL: later}

    async def test_sessions_bound_alone_are_bound_for_all_unless_others_bound_them(self, both):
        await both.lose()
        for session in ("mine", "ours"):
            both.store.settle(await both.store.claim(wish(session, "ab")), OK)
        both.shared.come_back()
        await bind(both.shared, "ours", B)

        await both.regain()

        assert [both.shared.guess(s, OPUS) for s in ("mine", "ours")] == [A, B]

    async def test_it_is_looked_for_in_the_background(self):
        async with pair(interval=0.01) as both:
            await both.lose()
            await fill(both.store, A, 2)
            ear = Ear()
            both.store.watch(ear)
            both.shared.come_back()

            await until(lambda: both.events.returned)

            assert (await state(both.shared, A)).in_flight == 2
            assert ("freed", A) in ear.heard

    async def test_the_more_often_it_goes_the_longer_it_is_left_alone(self):
        pauses = []
        async with pair(interval=1) as both:
            for _ in range(4):
                await both.lose()
                pauses.append(both.store._pause)
                await both.regain()

        assert pauses == [1, 2, 4, 4]


class TestForgetting:
    @pytest.mark.parametrize("away", [True, False])
    async def test_a_store_that_forgot_all_is_reminded(self, both, away):
        until = both.clock.now + HOUR
        await both.store.rest(A, ANY_MODEL, Cooldown(until, Reason.QUOTA))
        await fill(both.store, B, 2)
        await both.store._look()
        if away:
            await both.lose()
        both.shared.forget()

        await both.regain()

        assert (await state(both.shared, A)).cooldowns == {ANY_MODEL: Cooldown(until, Reason.QUOTA)}
        assert (await state(both.shared, B)).in_flight == 2

    async def test_what_was_woken_alone_stays_awake(self, both):
        await both.store.rest(A, ANY_MODEL, Cooldown(both.clock.now + HOUR, Reason.AUTH))
        await both.store._look()
        await both.lose()
        await both.store.wake(A, ANY_MODEL, Reason.AUTH)
        both.shared.forget()

        await both.regain()

        assert (await state(both.shared, A)).cooldowns == {}

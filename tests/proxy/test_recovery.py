"""Hours of rest in a moment: the store's clock is a number, and looks come when it says."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from proxy.core.account import ANY_MODEL
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.verdict import Kind, Scope, Verdict
from proxy.metrics import Metrics
from proxy.recovery import Recovery
from proxy.store.memory import MemoryStore
from tests.proxy.pool_rig import HAIKU, OPUS, A, B, accounts, rig, until
from tests.proxy.store.factories import on_redis

START, LOOK, HOUR, DAY = 1_000_000.0, 30, 3600, 86_400
OK = Verdict(Kind.OK)
QUOTA = Verdict(Kind.QUOTA, Scope.ACCOUNT, until=START + DAY)


@dataclass
class Provider:
    """Answers trials: `lifted_at` is when the limit really ends. It notes when it was asked."""

    refusal: Verdict | None = QUOTA
    lifted_at: float = START + 99 * DAY
    now: float = START
    stuck: bool = False
    asked: list = field(default_factory=list)

    async def ask(self, account, family, model):
        self.asked.append((self.now, account, family, model))
        if self.stuck:
            await asyncio.Event().wait()
        return OK if self.now >= self.lifted_at else self.refusal


@dataclass
class Fleet:
    """Replicas on one store, and the provider behind the account."""

    provider: Provider
    rigs: list
    recoveries: list

    async def pass_time(self, seconds):
        """Let every replica look every `LOOK` seconds, until the account rests no more."""
        end = self.provider.now + seconds
        while self.provider.now < end:
            self.provider.now += LOOK
            for recovery in self.recoveries:
                await recovery.look(self.provider.now)
            if not await self.rests():
                return

    async def rests(self):
        return (await self.rigs[0].status(A)).cooldowns


@asynccontextmanager
async def in_memory(count, clock):
    """One memory for all replicas: the ideal shared store."""
    yield [MemoryStore(clock=clock)] * count


@asynccontextmanager
async def fleet(rest, replicas=1, family=ANY_MODEL, *, stores=in_memory, **fields):
    provider = Provider(**fields)
    async with AsyncExitStack() as stack:
        each = await stack.enter_async_context(stores(replicas, lambda: provider.now))
        await each[0].rest(A, family, rest)
        rigs = [await stack.enter_async_context(rig("a", store=store)) for store in each]
        served = {HAIKU: "claude-haiku", OPUS: "claude-opus"}
        recoveries = [
            Recovery(one.pool, one.store, provider.ask, served, Metrics("1")) for one in rigs
        ]
        yield Fleet(provider, rigs, recoveries)


def long_rest(reason=Reason.QUOTA):
    return Cooldown(START + DAY, reason)


@pytest.mark.parametrize(("replicas", "stores"), [(1, in_memory), (3, in_memory), (3, on_redis)])
async def test_an_account_that_stays_limited_is_asked_four_times_an_hour_at_most(replicas, stores):
    async with fleet(long_rest(), replicas, stores=stores) as team:
        await team.pass_time(6 * HOUR)
        times = [at for at, *_ in team.provider.asked]

    assert 20 <= len(times) <= 24
    assert all(sum(at <= one < at + HOUR for one in times) <= 4 for at in times)


@pytest.mark.parametrize("lifted_after", [1, 1000, 12_345, DAY - 1900, DAY - 400])
@pytest.mark.parametrize(
    ("reason", "replicas"),
    [(Reason.QUOTA, 1), (Reason.QUOTA, 3), (Reason.BILLING, 1), (Reason.AUTH, 1)],
)
async def test_a_recovery_is_found_within_half_an_hour(replicas, lifted_after, reason):
    lifted_at = START + lifted_after
    async with fleet(long_rest(reason), replicas, lifted_at=lifted_at) as team:
        await team.pass_time(DAY)

        assert team.provider.now - lifted_at <= 1800
        assert await team.rests() == {}


async def test_nothing_is_sent_in_the_last_minutes_before_a_reset():
    reset = START + 2 * HOUR
    refusal = Verdict(Kind.QUOTA, Scope.ACCOUNT, until=reset)
    async with fleet(Cooldown(reset, Reason.QUOTA), refusal=refusal) as team:
        await team.pass_time(2 * HOUR)

    assert START + HOUR < max(at for at, *_ in team.provider.asked) < reset - 450


@pytest.mark.parametrize("reason", [Reason.DRAINED, Reason.FAILING, Reason.BURST])
async def test_what_no_provider_can_lift_is_left_alone(reason):
    async with fleet(long_rest(reason), lifted_at=START) as team:
        await team.pass_time(3 * HOUR)

        assert team.provider.asked == []


async def test_a_family_is_asked_for_by_a_model_of_its_own_and_wakes_alone():
    lifted_at = START + HOUR
    rest = long_rest(Reason.MODEL_LIMIT)
    async with fleet(rest, family=OPUS, lifted_at=lifted_at) as team:
        await team.pass_time(3 * HOUR)
        asked = {(family, model) for _, _, family, model in team.provider.asked}

        assert asked == {(OPUS, "claude-opus")}
        assert await team.rests() == {}


@pytest.mark.parametrize("answer", [None, Verdict(Kind.OVERLOADED), Verdict(Kind.CLIENT_ERROR)])
async def test_an_answer_that_says_nothing_of_the_limit_changes_nothing(answer):
    async with fleet(long_rest(), refusal=answer) as team:
        await team.pass_time(2 * HOUR)

        assert await team.rests() == {ANY_MODEL: long_rest()}


async def test_a_refusal_that_names_a_later_reset_is_believed():
    later = START + 3 * DAY
    refusal = Verdict(Kind.QUOTA, Scope.ACCOUNT, until=later)
    async with fleet(long_rest(), refusal=refusal) as team:
        await team.pass_time(HOUR)

        assert await team.rests() == {ANY_MODEL: Cooldown(later, Reason.QUOTA)}


async def test_an_account_out_of_service_is_not_asked():
    async with fleet(long_rest()) as team:
        team.rigs[0].pool.set_ready(A, ready=False, reason="unreachable")
        await team.pass_time(2 * HOUR)

    assert team.provider.asked == []


async def test_without_trials_nothing_is_sent():
    async with fleet(long_rest()) as team:
        team.recoveries[0].policy = replace(team.recoveries[0].policy, every=None)
        await team.pass_time(2 * HOUR)

    assert team.provider.asked == []


async def test_an_account_that_has_recovered_takes_its_share_however_little_there_is_to_do():
    async with fleet(long_rest(), lifted_at=START + HOUR) as team:
        one = team.rigs[0]
        one.pool.replace(accounts("a", "b"))
        before = {await one.serve(f"s{n}") for n in range(20)}
        await team.pass_time(2 * HOUR)
        after = {await one.serve(f"t{n}") for n in range(20)}

    assert (before, after) == ({B}, {A, B})


async def test_a_replica_that_ends_in_mid_trial_leaves_the_pace_as_it_is():
    async with fleet(long_rest(), 2, stuck=True) as team, asyncio.TaskGroup() as group:
        mortal, heir = team.recoveries
        for recovery in team.recoveries:
            await recovery.look(START)
        team.provider.now += 900
        trial = group.create_task(mortal.look(team.provider.now))
        await until(lambda: team.provider.asked)
        trial.cancel()
        await asyncio.wait([trial])
        await heir.look(team.provider.now)
        at_once = len(team.provider.asked)
        team.provider.stuck = False
        team.provider.now += 901
        await heir.look(team.provider.now)

    assert (at_once, len(team.provider.asked)) == (1, 2)


async def test_trials_are_no_rests_of_accounts_to_anybody_else():
    async with fleet(long_rest()) as team:
        await team.pass_time(2 * HOUR)
        (status,) = await team.rigs[0].pool.states()

        assert status.name == A
        assert not any("trial" in str(told) for told in team.rigs[0].events.told)

"""What it costs a session that its account is limited or full: the cache, in tokens."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from bench import virtual
from bench.policy.world import OUTPUT, READ, WRITE, Turn
from tests.virtual_rig import PLENTY, TURN, fleet, login

KNOWN, NEW, WRITTEN = 50_000, 1_000, 600
LATER = Turn("s", KNOWN, NEW, WRITTEN)
HIT = KNOWN * READ + NEW * WRITE + WRITTEN * OUTPUT
MISS = (KNOWN + NEW) * WRITE + WRITTEN * OUTPUT


@asynccontextmanager
async def a_warm_session(at_once=99, **options):
    """Two accounts, the account where a session's cache is warm, and the other one."""
    logins = {"a": login(at_once), "b": login(at_once)}
    async with fleet(logins, **options) as rig:
        await rig.ask("s", Turn("s", 0, KNOWN - WRITTEN, WRITTEN))
        home, _, _ = await rig.ask("s", LATER)
        (other,) = logins.keys() - {home}
        yield rig, home, other


async def turns(rig, count):
    """Who serves so many turns, and whether the cache was there."""
    seen = []
    for _ in range(count):
        account, answer, _ = await rig.ask("s", LATER)
        seen.append((account, answer.cached > 0))
    return seen


async def occupy(rig, tasks, account):
    """Fill an account for one turn's time."""
    limit = rig.store.gates[account].limit
    running = []
    while rig.store.gates[account].in_flight(virtual.wall()) < limit:
        running.append(tasks.create_task(rig.ask(f"t{len(running)}")))
        await asyncio.sleep(0)
    return running


def test_a_limit_moves_a_session_once_and_its_cache_is_written_once():
    async def story():
        async with a_warm_session() as (rig, home, other):
            rig.upstream.logins[home].quotas[0].used = PLENTY
            spent = rig.upstream.logins[other].spent
            seen = await turns(rig, 10)
            return other, seen, rig.upstream.logins[other].spent - spent

    other, seen, cost = virtual.run(story())

    assert seen == [(other, False)] + 9 * [(other, True)]
    assert cost == pytest.approx(MISS + 9 * HIT)


def test_a_session_stays_where_it_was_moved_when_its_old_account_is_back():
    async def story():
        async with a_warm_session() as (rig, home, other):
            quota = rig.upstream.logins[home].quotas[0]
            quota.used, quota.resets_at = PLENTY, virtual.wall() + 60
            await turns(rig, 2)
            await asyncio.sleep(200)
            return other, await turns(rig, 2)

    other, seen = virtual.run(story())

    assert seen == [(other, True), (other, True)]


@pytest.mark.parametrize(
    ("spill_after", "stays"),
    [
        # Eleven seconds of waiting are cheaper than a cache.
        (20, True),
        # Who does not wait pays for the context twice, and comes back.
        (0, False),
        (5, False),
    ],
)
def test_a_session_whose_account_is_full_waits_for_it_or_spills_once(spill_after, stays):
    async def story():
        async with (
            a_warm_session(concurrency=2, spill_after=spill_after) as (rig, home, _),
            asyncio.TaskGroup() as tasks,
        ):
            await occupy(rig, tasks, home)
            began = virtual.wall()
            account, answer, served = await rig.ask("s", LATER)
            await asyncio.sleep(20)
            again = await turns(rig, 1)
            return account == home, answer.cached > 0, served - began, again == [(home, True)]

    at_home, cached, waited, returned = virtual.run(story())

    assert at_home is stays
    assert cached is stays
    assert (
        waited == pytest.approx(TURN.output / 60 + 1, abs=0.1) if stays else waited <= spill_after
    )
    assert returned


def test_a_burst_spills_one_request_and_the_session_comes_home():
    async def story():
        async with a_warm_session(at_once=1, spill_after=0) as (rig, home, _):
            shared = rig.upstream.logins[home]
            shared.at_once = 1  # somebody else uses this login
            ((first, _),) = await turns(rig, 1)
            shared.at_once = 0
            await asyncio.sleep(30)
            return home, first, await turns(rig, 2)

    home, first, later = virtual.run(story())

    assert first != home
    assert later == [(home, True), (home, True)]

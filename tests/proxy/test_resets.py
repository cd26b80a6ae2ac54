"""What happens when limits end: hours of waiting clients, in virtual time."""

import asyncio

import pytest

from bench import virtual
from tests.virtual_rig import fleet, login

RESET = 30.0
"""Seconds until the windows reset: soon enough for the clients to wait."""

NAMES = "abcdef"


async def reset(names, *, clients=40, seconds=60, **options):
    """What arrives at accounts that were used up: seconds after their reset, and at whom."""
    logins = {name: login(used=1.0, resets_in=RESET) for name in names}
    async with fleet(logins, **options) as rig, asyncio.TaskGroup() as tasks:
        ends = virtual.wall() + RESET
        await rig.crowd(tasks, clients, seconds)
    return [(at - ends, name) for at, name in rig.upstream.arrivals if at >= ends]


@pytest.mark.parametrize("replicas", [1, 3])
def test_after_a_reset_one_canary_goes_for_the_whole_fleet(replicas):
    arrived = virtual.run(reset("a", replicas=replicas))
    times = [at for at, _ in arrived]

    assert 0 <= times[0] <= 0.5
    assert times[1] >= times[0] + 1, "the second went before the first had its first token"


@pytest.mark.parametrize("replicas", [1, 3])
def test_after_its_canary_an_account_rises_with_every_answer_that_begins(replicas):
    arrived = virtual.run(reset("a", replicas=replicas))
    canary = arrived[0][0]
    within = [sum(at < canary + seconds for at, _ in arrived) for seconds in (1, 2, 3, 4, 5)]

    assert within == [1, 2, 4, 16, 20]


def test_accounts_that_reset_in_one_second_come_back_apart():
    arrived = virtual.run(reset(NAMES, replicas=3))
    first = {name: min(at for at, who in arrived if who == name) for name in NAMES}

    assert all(0 <= at <= 5 for at in first.values())
    assert len(set(first.values())) == len(NAMES)


def test_nobody_is_sent_to_an_account_before_its_reset():
    async def story():
        async with fleet({"a": login(used=1.0, resets_in=RESET)}) as rig:
            async with asyncio.TaskGroup() as tasks:
                began = virtual.wall()
                await rig.crowd(tasks, 20, 29)
            return [at - began for at, _ in rig.upstream.arrivals]

    arrived = virtual.run(story())

    assert set(arrived) == {0.0}, "asked again while it was known to be limited"


def test_a_pause_for_a_burst_ends_with_a_slow_start():
    async def story():
        async with fleet({"a": login(3)}, concurrency=12) as rig, asyncio.TaskGroup() as tasks:
            began = virtual.wall()
            await rig.crowd(tasks, 12, 8)
            return [at - began for at, _ in rig.upstream.arrivals]

    arrived = virtual.run(story())
    later = [at for at in arrived if at > 0]

    assert arrived.count(0.0) == 4
    assert later[0] >= 5
    assert sum(at < later[0] + 1 for at in later) == 1

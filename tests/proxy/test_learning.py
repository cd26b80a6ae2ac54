"""What the gate learns of limits that nobody tells of, in minutes of virtual time."""

import asyncio

import pytest

from bench import virtual
from tests.virtual_rig import every_second, fleet, login

MINUTE = 60


async def learned(at_once, minutes, *, clients=30, replicas=1, **faults):
    """The limit in every second, while more ask than the account bears."""
    async with (
        fleet({"a": login(at_once)}, replicas=replicas, **faults) as rig,
        asyncio.TaskGroup() as tasks,
    ):
        asking = tasks.create_task(rig.crowd(tasks, clients, minutes * MINUTE))
        seen = await every_second(rig.limit, minutes * MINUTE - 1)
        await asking
    return seen, rig.upstream.logins["a"].bursts


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("faults", [{}, {"full": 0.2, "broken": 0.02}])
def test_a_hidden_limit_of_six_is_learned_within_ten_minutes(replicas, faults):
    seen, _ = virtual.run(learned(6, 40, replicas=replicas, **faults))

    assert seen[0] > 7
    assert set(seen[10 * MINUTE :]) <= {5, 6, 7}
    assert 6 in seen[10 * MINUTE :]


def test_going_back_to_the_limit_costs_a_burst_in_two_minutes():
    _, in_ten = virtual.run(learned(6, 10))
    _, in_sixty = virtual.run(learned(6, 60))

    assert in_ten <= 12
    assert in_sixty - in_ten <= 30


@pytest.mark.parametrize("faults", [{"full": 0.3}, {"broken": 0.1}, {"full": 0.2, "broken": 0.05}])
def test_a_full_provider_and_a_bad_line_teach_no_limit(faults):
    seen, bursts = virtual.run(learned(99, 20, **faults))

    assert bursts == 0
    assert set(seen) == {20}


def test_a_limit_that_is_raised_is_found_again():
    async def story():
        async with fleet({"a": login(4)}) as rig, asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(rig.crowd(tasks, 30, 100 * MINUTE))
            narrow = await every_second(rig.limit, 20 * MINUTE)
            rig.upstream.logins["a"].plan = login(99).plan
            wide = await every_second(rig.limit, 79 * MINUTE)
            await asking
        return narrow, wide

    narrow, wide = virtual.run(story())

    assert set(narrow[10 * MINUTE :]) <= {3, 4, 5}
    assert wide[-1] == 20

"""How many turns run at once."""

import asyncio

import pytest

from worker.api.gate import Gate
from worker.errors import UnavailableError


async def enter(gate):
    async with gate.turn():
        return gate.busy


async def test_slots_come_back_however_a_turn_ends():
    gate = Gate(lambda: 1)
    with pytest.raises(ZeroDivisionError):
        async with gate.turn():
            raise ZeroDivisionError
    async with gate.turn():
        assert gate.busy == 1

    assert gate.busy == 0


async def test_no_turn_begins_beyond_the_slots():
    slots = [1]
    gate = Gate(lambda: slots[0], patience=0.01)
    async with gate.turn():
        with pytest.raises(UnavailableError, match="taken"):
            await enter(gate)
        slots[0] = 2
        async with gate.turn():
            assert gate.busy == 2


async def test_a_slot_that_comes_free_in_a_moment_is_waited_for_by_all_and_had_by_one_at_a_time():
    gate = Gate(lambda: 1, patience=30)
    async with asyncio.TaskGroup() as group:
        async with gate.turn():
            successors = [group.create_task(enter(gate)) for _ in range(3)]
            await asyncio.sleep(0)
            assert (gate.busy, gate.waiting) == (1, 3)

    assert [successor.result() for successor in successors] == [1, 1, 1]
    assert (gate.busy, gate.waiting) == (0, 0)


async def test_only_so_many_wait():
    gate = Gate(lambda: 1, patience=30, most_waiting=1)
    async with asyncio.TaskGroup() as group, gate.turn():
        waiting = group.create_task(enter(gate))
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="taken"):
            await enter(gate)

    assert waiting.result() == 1


async def test_whoever_waits_for_a_slot_is_sent_away_when_the_gate_closes():
    gate = Gate(lambda: 1, patience=30)

    async def refused():
        with pytest.raises(UnavailableError, match="stop"):
            await enter(gate)

    async with gate.turn(), asyncio.TaskGroup() as group:
        group.create_task(refused())
        await asyncio.sleep(0)
        gate.close()


async def test_idle_is_when_the_last_turn_has_ended():
    gate = Gate(lambda: 2)
    await gate.idle()
    async with gate.turn():
        async with gate.turn():
            assert not gate._idle.is_set()
        assert not gate._idle.is_set()
    await gate.idle()


async def test_a_closed_gate_stays_closed():
    gate = Gate(lambda: 2)
    gate.close()
    with pytest.raises(UnavailableError, match="stop"):
        await enter(gate)

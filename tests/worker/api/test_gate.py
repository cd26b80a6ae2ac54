"""How many turns run at once."""

import pytest

from worker.api.gate import Gate
from worker.errors import UnavailableError


async def test_slots_come_back_however_a_turn_ends():
    gate = Gate(lambda: 1)
    with pytest.raises(ZeroDivisionError), gate.turn():
        raise ZeroDivisionError
    with gate.turn():
        assert gate.busy == 1

    assert gate.busy == 0


async def test_no_turn_begins_beyond_the_slots():
    slots = [1]
    gate = Gate(lambda: slots[0])
    with gate.turn():
        with pytest.raises(UnavailableError), gate.turn():
            pass
        slots[0] = 2
        with gate.turn():
            assert gate.busy == 2


async def test_idle_is_when_the_last_turn_has_ended():
    gate = Gate(lambda: 2)
    await gate.idle()
    with gate.turn():
        with gate.turn():
            assert not gate._idle.is_set()
        assert not gate._idle.is_set()
    await gate.idle()


async def test_a_closed_gate_stays_closed():
    gate = Gate(lambda: 2)
    gate.close()
    with pytest.raises(UnavailableError), gate.turn():
        pass

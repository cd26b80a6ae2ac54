import pytest

from proxy.core.account import ANY_MODEL, AccountState
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.ranking import Load
from proxy.store.base import Placing, Slot, Standing
from proxy.store.gate import Gate
from tests.proxy.store.wishes import HAIKU, OK, OPUS, A, burst, quota

FOREVER = 1e9


def slot(name, at, family=OPUS):
    return Slot(name, A, family, Placing.UNBOUND, at)


def gate(concurrency=4, out=(), **fields):
    made = Gate(concurrency, **fields)
    for name, at in out:
        made.hold(slot(name, at), FOREVER)
    return made


@pytest.mark.parametrize(
    ("learned", "concurrency", "limit"), [(None, 6, 6), (3, 6, 3), (5, 2, 2), (None, 1, 1)]
)
def test_the_limit_is_what_was_learned_within_the_concurrency(learned, concurrency, limit):
    assert gate(concurrency, learned=learned).limit == limit


def test_a_state_tells_of_cooldowns_that_stand_and_of_no_other():
    one = gate(out=[("x", 0)])
    one.rest(ANY_MODEL, Cooldown(10, Reason.QUOTA), 1)
    one.rest(OPUS, Cooldown(20, Reason.MODEL_LIMIT), 1)

    assert one.state(5).cooldowns.keys() == {ANY_MODEL, OPUS}
    assert one.state(15) == AccountState(
        in_flight=1, limit=1, probation=True, cooldowns={OPUS: Cooldown(20, Reason.MODEL_LIMIT)}
    )


def test_an_account_and_a_model_recover_side_by_side():
    one = gate()
    one.rest(ANY_MODEL, Cooldown(10, Reason.QUOTA), 1)
    one.rest(OPUS, Cooldown(10, Reason.MODEL_LIMIT), 1)
    one.hold(slot("haiku", 10, HAIKU), FOREVER)
    blocked = one.standing(OPUS, 10)
    one.prove(one.held["haiku"])

    assert blocked is None
    assert one.standing(HAIKU, 10) is Standing.RISING
    assert one.standing(OPUS, 10) is Standing.CANARY


def test_a_slot_proves_once_and_only_what_had_ended_when_it_was_granted():
    one = gate(concurrency=64, out=[("old", 0)])
    one.rest(ANY_MODEL, Cooldown(10, Reason.QUOTA), 1)
    one.prove(one.held["old"])
    untouched = one.rests[ANY_MODEL].ramp
    one.hold(slot("canary", 10), FOREVER)
    one.prove(one.held["canary"])
    one.settle(one.held["canary"], OK, 12)

    assert (untouched, one.rests[ANY_MODEL].ramp) == (0, 2)


def test_a_cooldown_begins_once_however_often_it_is_told():
    one = gate(out=[("x", 0), ("y", 0), ("z", 0)])

    began = [
        one.settle(one.held["x"], burst(6), 1),
        one.settle(one.held["y"], burst(7), 2),
        one.settle(one.held["z"], quota(100), 3),
    ]

    assert began == [True, False, False]
    assert one.resting(OPUS, 50) is not None


def test_a_lease_that_is_renewed_counts_also_if_it_had_run_out():
    one = gate(concurrency=2)
    kept, lost = slot("kept", 0), slot("lost", 0)
    one.hold(kept, 10)
    one.hold(lost, 10)
    one.renew(kept, 20, now=5)
    before = one.in_flight(12)
    one.renew(lost, 25, now=12)

    assert (before, one.in_flight(19), one.in_flight(22), one.in_flight(25)) == (1, 2, 1, 0)


@pytest.mark.parametrize(
    ("rest", "now", "expected"),
    [
        (None, 0, Load(0.5, 1, room=True)),
        (Cooldown(9, Reason.QUOTA), 5, None),
        (Cooldown(9, Reason.QUOTA), 9, Load(0.5, 1, room=True)),
        (Cooldown(9, Reason.FAILING), 9, Load(0.5, 1, room=True, doubtful=True)),
    ],
)
def test_what_an_account_carries(rest, now, expected):
    one = gate(concurrency=2, out=[("x", 0)])
    if rest is not None:
        one.rest(ANY_MODEL, rest, 0)

    assert one.load(0.5, OPUS, now) == expected


def test_an_account_that_is_full_has_no_room():
    assert gate(concurrency=1, out=[("x", 0)]).load(1.0, OPUS, 1) == Load(1.0, 1, room=False)

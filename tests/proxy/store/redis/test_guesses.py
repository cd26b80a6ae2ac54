import pytest

from proxy.core.account import ANY_MODEL
from proxy.store.base import Placing, Refusal, Slot, StorePolicy
from proxy.store.redis.guesses import Guesses
from proxy.store.redis.wire import Found
from tests.proxy.store.wishes import GONE, HAIKU, OK, OPUS, A, B, C, wish

NOW = 1000.0


@pytest.fixture
def guesses():
    return Guesses(StorePolicy())


def slot(account, placing, own=None, binds=None):
    return Slot("id", account, OPUS, placing, NOW, session="s", own=own, binds=binds)


def learn(guesses, *found, family=OPUS):
    for one in found:
        answer = Found(slot=one) if isinstance(one, Slot) else Found(refusal=one)
        guesses.learn(wish("s", family=family), answer, NOW)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([slot(A, Placing.FIRST)], A),
        ([slot(A, Placing.HIT, own=A)], A),
        ([slot(B, Placing.SPILLED, own=A)], A),
        ([slot(B, Placing.MOVED, own=A, binds=ANY_MODEL)], A),
        ([Refusal(NOW, full=True, own=A)], A),
        ([slot(A, Placing.FIRST), slot(B, Placing.HIT, own=B)], B),
        # What tells nothing changes nothing.
        ([slot(A, Placing.UNBOUND)], None),
        ([slot(A, Placing.FIRST), Refusal(NOW)], A),
    ],
)
def test_a_claims_answer_tells_where_the_session_is_bound(guesses, found, expected):
    learn(guesses, *found)

    assert guesses.own("s", OPUS, NOW) == expected
    assert guesses.own("t", OPUS, NOW) is None


def test_one_model_family_may_be_bound_elsewhere(guesses):
    learn(guesses, slot(A, Placing.FIRST))
    learn(guesses, slot(B, Placing.HIT, own=B), family=HAIKU)

    assert (guesses.own("s", OPUS, NOW), guesses.own("s", HAIKU, NOW)) == (A, B)


@pytest.mark.parametrize(
    ("settled", "settlement", "expected"),
    [
        (slot(B, Placing.MOVED, own=A, binds=ANY_MODEL), OK, B),
        (slot(B, Placing.MOVED, own=A, binds=ANY_MODEL), GONE, A),
        (slot(B, Placing.SPILLED, own=A), OK, A),
        # Another has moved it since.
        (slot(B, Placing.MOVED, own=C, binds=ANY_MODEL), OK, A),
    ],
)
def test_a_success_elsewhere_binds_what_had_to_move(guesses, settled, settlement, expected):
    learn(guesses, slot(A, Placing.FIRST))
    guesses.moved(settled, settlement, NOW)

    assert guesses.own("s", OPUS, NOW) == expected

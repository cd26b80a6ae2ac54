import pytest

from proxy.errors import AllLimitedError, NoWorkerError, QueueFullError
from proxy.store.base import Refusal
from proxy.waiter import Waiter
from tests.proxy.pool_rig import A, B, a_call

CAME = 100.0


def waiter(spill_after=20, max_wait=60):
    return Waiter("w", a_call("s"), frozenset(), CAME, CAME + spill_after, CAME + max_wait)


def refusal(*, full=False, limited=False, rests=None, own=None):
    return Refusal(5000.0, full, limited, None if rests is None else 5000.0 + rests, own)


@pytest.mark.parametrize(
    ("refused", "waited", "expected"),
    [
        # A slot given back would help, whoever else rests.
        (refusal(full=True), 0, None),
        (refusal(full=True, limited=True, rests=9000), 0, None),
        (refusal(full=True), 60, QueueFullError),
        # Limits are waited out if their end is near enough.
        (refusal(limited=True, rests=59), 0, None),
        (refusal(limited=True, rests=61), 0, AllLimitedError),
        (refusal(limited=True, rests=59), 2, AllLimitedError),
        # What is broken is not waited for.
        (refusal(rests=3), 0, NoWorkerError),
        (refusal(), 0, NoWorkerError),
    ],
)
def test_when_waiting_is_hopeless(refused, waited, expected):
    error = waiter().hopeless(refused, CAME + waited)

    assert (None if error is None else type(error)) is expected


@pytest.mark.parametrize(
    ("refused", "waited", "expected"),
    [
        (refusal(full=True, own=A), 0, True),
        (refusal(full=True, own=A), 20, False),
        # Any account will do.
        (refusal(full=True), 0, False),
        # Its own account pauses: shortly, or longer than it would wait.
        (refusal(limited=True, rests=19, own=A), 0, True),
        (refusal(limited=True, rests=21, own=A), 0, False),
        (refusal(limited=True, rests=19, own=A), 2, False),
    ],
)
def test_how_long_it_holds_out_for_its_own_account(refused, waited, expected):
    assert waiter().holds(refused, CAME + waited) is expected


@pytest.mark.parametrize(
    ("own", "freed", "waited", "expected"),
    [
        (None, {A}, 0, True),
        (A, {A}, 0, True),
        (A, {B}, 0, False),
        (A, {B, None}, 0, True),
        (A, {B}, 20, True),
    ],
)
def test_which_news_concern_it(own, freed, waited, expected):
    one = waiter()
    one.refusal = refusal(full=True, own=own)

    assert one.waits_for(freed, CAME + waited) is expected

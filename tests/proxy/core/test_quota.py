import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.quota import (
    Admitted,
    Allowance,
    ClientLimits,
    Limit,
    Refused,
    Use,
    allowances,
    counted,
    may_use,
    reached,
    told,
)

DAY = 86_400.0
MIDNIGHT = 20_000 * DAY
NOW = MIDNIGHT + 3600


def admitted(limits, instants):
    """At which of these instants a client gets through."""
    use, through = Use(), []
    for now in instants:
        if reached(use, limits, now) is None:
            use = counted(use, limits, now)
            use.out = 0
            through.append(now)
    return through


@pytest.mark.parametrize(
    ("limits", "at_once"),
    [
        # What the pace brings in ten seconds, and one request at least.
        (ClientLimits(requests_per_minute=60), 10),
        (ClientLimits(requests_per_minute=90), 15),
        (ClientLimits(requests_per_minute=1), 1),
        # A burst that was asked for, however slow the pace.
        (ClientLimits(requests_per_minute=1, burst=5), 5),
        (ClientLimits(requests_per_minute=60, burst=1), 1),
        (ClientLimits(), 1000),
    ],
)
def test_so_many_may_come_at_once(limits, at_once):
    assert len(admitted(limits, [NOW] * 1000)) == at_once


def test_an_even_pace_is_never_refused():
    limits = ClientLimits(requests_per_minute=60, burst=1)

    assert len(admitted(limits, [NOW + second for second in range(120)])) == 120


@given(
    st.integers(1, 600),
    st.none() | st.integers(1, 50),
    st.lists(st.floats(0, 600), max_size=300).map(sorted),
)
def test_no_minute_sees_more_than_its_pace_and_burst(pace, burst, offsets):
    limits = ClientLimits(requests_per_minute=pace, burst=burst)
    through = admitted(limits, [NOW + at for at in offsets])
    for start in through:
        in_a_minute = [at for at in through if start <= at < start + 60]

        assert len(in_a_minute) <= pace + (burst or pace / 6) + 1


@given(st.floats(0.1, 6000), st.integers(1, 20), st.floats(0, 1e4))
def test_whoever_waits_as_long_as_told_gets_through(pace, burst, later):
    limits, use, now = ClientLimits(requests_per_minute=pace, burst=burst), Use(), NOW + later
    while reached(use, limits, now) is None:
        use = counted(use, limits, now)
    refused = told(Limit.REQUESTS, use, limits, now)

    assert reached(use, limits, now + refused.retry_after) is None
    assert reached(use, limits, now + refused.retry_after * 0.99 - 1e-3) is Limit.REQUESTS


@pytest.mark.parametrize(
    ("use", "limit", "wait"),
    [
        (Use(tokens=100, out=2, next_at=NOW + 99), Limit.TOKENS, DAY - 3600),
        (Use(tokens=99, out=2, next_at=NOW + 99), Limit.CONCURRENCY, 1),
        (Use(tokens=99, out=1, next_at=NOW + 99), Limit.REQUESTS, 90),
    ],
)
def test_the_first_limit_in_order_is_told(use, limit, wait):
    limits = ClientLimits(2, 60, 100)

    assert reached(use, limits, NOW) is limit
    assert told(limit, use, limits, NOW).retry_after == wait


def test_what_is_left_is_told_of_every_limit():
    limits, use = ClientLimits(4, 60, 1000), counted(Use(tokens=300), ClientLimits(4, 60), NOW)

    assert told(None, use, limits, NOW + 0.5) == Admitted(
        (
            Allowance(Limit.REQUESTS, 60, 9, 0.5),
            Allowance(Limit.CONCURRENCY, 4, 3),
            Allowance(Limit.TOKENS, 1000, 700, DAY - 3600.5),
        )
    )
    assert allowances(Use(tokens=7, out=7), ClientLimits(), NOW) == ()


@given(st.integers(1, 600), st.integers(1, 50), st.integers(0, 60))
def test_as_many_get_through_as_are_told_to_be_left(pace, burst, before):
    limits, use = ClientLimits(requests_per_minute=pace, burst=burst), Use()
    for _ in range(min(before, burst)):
        use = counted(use, limits, NOW)
    (left,) = allowances(use, limits, NOW)
    for _ in range(left.left):
        assert reached(use, limits, NOW) is None
        use = counted(use, limits, NOW)

    assert reached(use, limits, NOW) is Limit.REQUESTS
    assert isinstance(told(Limit.REQUESTS, use, limits, NOW), Refused)


@pytest.mark.parametrize(
    ("model", "allowed"),
    [
        ("claude-sonnet-4-5", True),
        ("claude-haiku-4-5", True),
        ("claude-opus-4-5", False),
        ("gpt-9", False),
        ("gpt-8-exactly", True),
        (None, False),
    ],
)
def test_models_are_allowed_by_family_or_by_name(model, allowed):
    limits = ClientLimits(models=("sonnet", "haiku", "gpt-8-exactly"))

    assert may_use(limits, model) is allowed


@pytest.mark.parametrize(
    ("limits", "is_counted"),
    [
        (ClientLimits(), False),
        (ClientLimits(models=("opus",), burst=3), False),
        (ClientLimits(concurrency=1), True),
        (ClientLimits(requests_per_minute=1), True),
        (ClientLimits(tokens_per_day=1), True),
    ],
)
def test_only_limits_that_are_counted_cost_anything(limits, is_counted):
    assert limits.counted is is_counted

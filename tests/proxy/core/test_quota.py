import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.quota import ClientLimits, ClientUse, Limit, Refused

DAY = 86_400.0
MIDNIGHT = 20_000 * DAY
NOW = MIDNIGHT + 3600


def admitted(limits, instants):
    """At which of these instants a client gets through."""
    use, through = ClientUse(), []
    for now in instants:
        if use.check(limits, "opus", now) is None:
            use.commit(limits, now)
            use.release()
            through.append(now)
    return through


def test_a_client_without_limits_is_never_refused():
    assert len(admitted(ClientLimits(), [NOW] * 1000)) == 1000


def test_a_minutes_pace_allows_a_short_burst_and_then_its_pace():
    limits = ClientLimits(requests_per_minute=60)

    assert len(admitted(limits, [NOW] * 100)) == 10
    assert len(admitted(limits, [NOW + second for second in range(120)])) == 120


def test_a_slow_pace_allows_one_at_a_time():
    assert len(admitted(ClientLimits(requests_per_minute=1), [NOW] * 5)) == 1


def test_whoever_waits_as_long_as_told_gets_through():
    limits, use = ClientLimits(requests_per_minute=6), ClientUse()
    use.commit(limits, NOW)
    refused = use.check(limits, "opus", NOW)

    assert refused == Refused(Limit.REQUESTS, pytest.approx(10))
    assert use.check(limits, "opus", NOW + refused.retry_after - 0.1) is not None
    assert use.check(limits, "opus", NOW + refused.retry_after) is None


@given(st.integers(1, 600), st.lists(st.floats(0, 600), max_size=300).map(sorted))
def test_no_minute_sees_more_than_its_pace_and_burst(pace, offsets):
    through = admitted(ClientLimits(requests_per_minute=pace), [NOW + at for at in offsets])
    for start in through:
        in_a_minute = [at for at in through if start <= at < start + 60]

        assert len(in_a_minute) <= pace + pace / 6 + 1


def test_a_client_has_no_more_at_once_than_it_may():
    limits, use = ClientLimits(concurrency=2), ClientUse()
    use.commit(limits, NOW)
    assert use.check(limits, "opus", NOW) is None
    use.commit(limits, NOW)

    assert use.check(limits, "opus", NOW) == Refused(Limit.CONCURRENCY)
    use.release()
    assert use.check(limits, "opus", NOW) is None


def test_a_days_tokens_last_until_midnight():
    limits, use = ClientLimits(tokens_per_day=100), ClientUse()
    use.spend(60, NOW)
    assert use.check(limits, "opus", NOW) is None
    use.spend(60, NOW)

    assert use.check(limits, "opus", NOW) == Refused(Limit.TOKENS, DAY - 3600)
    assert use.check(limits, "opus", MIDNIGHT + DAY) is None
    use.spend(99, MIDNIGHT + DAY)
    assert use.check(limits, "opus", MIDNIGHT + DAY) is None


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
    limits = ClientLimits(models=frozenset({"sonnet", "haiku", "gpt-8-exactly"}))

    refused = ClientUse().check(limits, model, NOW)

    assert refused == (None if allowed else Refused(Limit.MODEL))


def test_a_refusal_counts_nothing():
    limits, use = ClientLimits(requests_per_minute=1), ClientUse()
    use.commit(limits, NOW)
    before = use.next_at
    for _ in range(10):
        use.check(limits, "opus", NOW)

    assert (use.next_at, use.in_flight) == (before, 1)

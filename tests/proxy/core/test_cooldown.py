import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.cooldown import BackoffPolicy, Cooldown, Reason, cooldown_after
from proxy.core.verdict import CONSEQUENCES, Kind, Scope, Verdict

NOW = 1000.0
DAY = 86_400.0
POLICY = BackoffPolicy(failures_to_eject=3, request_failures_to_eject=10)


def account(kind, **told):
    return Verdict(kind, Scope.ACCOUNT, **told)


@pytest.mark.parametrize(
    ("verdict", "streak", "expected"),
    [
        # A quota lasts until its reset, and at the first word of it.
        (account(Kind.QUOTA, until=8200), 1, Cooldown(8200, Reason.QUOTA)),
        (account(Kind.QUOTA, until=8200), 9, Cooldown(8200, Reason.QUOTA)),
        (account(Kind.QUOTA, retry_after=300), 1, Cooldown(1300, Reason.QUOTA)),
        (account(Kind.QUOTA, until=8200, retry_after=5), 1, Cooldown(8200, Reason.QUOTA)),
        (Verdict(Kind.MODEL_LIMIT, Scope.MODEL, 8200), 1, Cooldown(8200, Reason.MODEL_LIMIT)),
        # Where no reset is told, or none that can be, a guess grows.
        (account(Kind.QUOTA), 1, Cooldown(1060, Reason.QUOTA)),
        (account(Kind.QUOTA), 3, Cooldown(1240, Reason.QUOTA)),
        (account(Kind.QUOTA), 99, Cooldown(1900, Reason.QUOTA)),
        (account(Kind.QUOTA, until=NOW), 1, Cooldown(1060, Reason.QUOTA)),
        (account(Kind.QUOTA, until=NOW + 9 * DAY), 1, Cooldown(1060, Reason.QUOTA)),
        (account(Kind.QUOTA, until=float("nan")), 1, Cooldown(1060, Reason.QUOTA)),
        (account(Kind.QUOTA, until=float("inf")), 1, Cooldown(1060, Reason.QUOTA)),
        # A burst pauses as long as it asks, a minute at most, else 5·2ⁿ.
        (account(Kind.BURST, retry_after=7), 9, Cooldown(1007, Reason.BURST)),
        (account(Kind.BURST, retry_after=0), 1, Cooldown(1001, Reason.BURST)),
        (account(Kind.BURST, retry_after=1e9), 1, Cooldown(1060, Reason.BURST)),
        (account(Kind.BURST, retry_after=float("nan")), 1, Cooldown(1001, Reason.BURST)),
        (account(Kind.BURST, until=1011), 1, Cooldown(1011, Reason.BURST)),
        (account(Kind.BURST), 1, Cooldown(1005, Reason.BURST)),
        (account(Kind.BURST), 2, Cooldown(1010, Reason.BURST)),
        (account(Kind.BURST), 5, Cooldown(1060, Reason.BURST)),
        (account(Kind.BURST), 100_000, Cooldown(1060, Reason.BURST)),
        # An operator or a daily probe clears billing; a prober wakes what can log in again.
        (account(Kind.BILLING), 1, Cooldown(NOW + DAY, Reason.BILLING)),
        (account(Kind.AUTH), 1, Cooldown(4600, Reason.AUTH)),
        # Failures eject only in a row, and longer each time.
        (account(Kind.WORKER_ERROR), 2, None),
        (account(Kind.WORKER_ERROR), 3, Cooldown(1010, Reason.FAILING)),
        (account(Kind.WORKER_ERROR), 5, Cooldown(1040, Reason.FAILING)),
        (account(Kind.WORKER_ERROR), 50, Cooldown(1300, Reason.FAILING)),
        (account(Kind.TIMEOUT), 3, Cooldown(1010, Reason.FAILING)),
        # One poisonous prompt, or a worker that is merely full, is no broken account.
        (Verdict(Kind.WORKER_ERROR), 9, None),
        (Verdict(Kind.WORKER_ERROR), 10, Cooldown(1010, Reason.FAILING)),
    ],
)
def test_cooldown_after(verdict, streak, expected):
    assert cooldown_after(verdict, streak, NOW, POLICY, 0.0) == expected


@pytest.mark.parametrize("kind", [kind for kind in Kind if not CONSEQUENCES[kind].rests])
def test_what_is_no_fault_of_the_account_never_rests_it(kind):
    verdict = Verdict(kind, Scope.ACCOUNT, until=2000, retry_after=500)

    assert cooldown_after(verdict, 99, NOW, POLICY, 0.5) is None


def test_accounts_that_reset_in_one_second_come_back_apart_and_never_early():
    until = [
        cooldown_after(account(Kind.QUOTA, until=2000), 1, NOW, POLICY, fraction).until
        for fraction in (0.0, 0.5, 0.99)
    ]

    assert until == sorted(set(until))
    assert until[0] >= 2000
    assert until[-1] < 2001


def test_a_limit_of_one_request_alone_rests_nobody():
    verdict = Verdict(Kind.MODEL_LIMIT, Scope.REQUEST)

    assert cooldown_after(verdict, 1, NOW, POLICY, 0.0) is None


numbers = st.none() | st.floats() | st.floats(0, 1e7)


@given(
    st.builds(Verdict, st.sampled_from(Kind), st.sampled_from(Scope), numbers, numbers),
    st.integers(0, 10_000),
    st.floats(0, 1, exclude_max=True),
)
def test_every_rest_is_at_least_a_second_and_at_most_about_a_week(verdict, streak, fraction):
    cooldown = cooldown_after(verdict, streak, NOW, POLICY, fraction)

    if cooldown is not None and verdict.kind not in {Kind.QUOTA, Kind.MODEL_LIMIT}:
        assert NOW + 1 <= cooldown.until <= NOW + DAY
    elif cooldown is not None:
        assert NOW < cooldown.until <= NOW + 8 * DAY + 1

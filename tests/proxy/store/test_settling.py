import pytest

from proxy.core.account import ANY_MODEL
from proxy.core.cooldown import BackoffPolicy, Cooldown, Reason
from proxy.core.verdict import Kind, Scope, Verdict
from proxy.store.base import Placing, Pressure, Settlement, Slot, Standing
from proxy.store.settling import NEUTRAL, SERVED, settlement
from tests.proxy.store.wishes import OPUS, A

NOW = 1000.0
ACCOUNT = Scope.ACCOUNT


def slot(*, streak=0, standing=Standing.TRUSTED):
    return Slot("one", A, OPUS, Placing.UNBOUND, NOW - 1, standing=standing, streak=streak)


def settled(verdict, **options):
    return settlement(verdict, slot(**options), NOW, BackoffPolicy(), 0.0)


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        # A client that left, one at fault, and a provider that is full blame nobody.
        (None, NEUTRAL),
        (Verdict(Kind.ABORTED), NEUTRAL),
        (Verdict(Kind.CLIENT_ERROR), NEUTRAL),
        (Verdict(Kind.OVERLOADED), NEUTRAL),
        (Verdict(Kind.THROTTLED), NEUTRAL),
        (Verdict(Kind.OK), SERVED),
    ],
)
def test_what_costs_an_account_nothing(verdict, expected):
    told = settled(verdict)

    assert (told.cooldown, told.failed, told.proven) == (None, False, expected.proven)
    assert told.pressure == expected.pressure


def test_a_quota_rests_the_account_and_a_model_limit_the_family():
    quota = settled(Verdict(Kind.QUOTA, ACCOUNT, until=NOW + 60))
    model = settled(Verdict(Kind.MODEL_LIMIT, Scope.MODEL, until=NOW + 60))

    assert (quota.cooldown, quota.family) == (Cooldown(NOW + 60, Reason.QUOTA), ANY_MODEL)
    assert (model.cooldown, model.family) == (Cooldown(NOW + 60, Reason.MODEL_LIMIT), OPUS)


def test_a_burst_lowers_the_limit_and_its_pause_grows_with_the_streak():
    first = settled(Verdict(Kind.BURST, ACCOUNT))
    third = settled(Verdict(Kind.BURST, ACCOUNT), streak=2)

    assert first == Settlement(
        Cooldown(NOW + 5, Reason.BURST), ANY_MODEL, pressure=Pressure.BURST, failed=True
    )
    assert third.cooldown == Cooldown(NOW + 20, Reason.BURST)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Kind.THROTTLED, Reason.BURST),
        (Kind.WORKER_ERROR, Reason.FAILING),
        (Kind.TIMEOUT, Reason.FAILING),
    ],
)
def test_a_canary_that_fails_in_any_way_sends_its_account_back(kind, reason):
    told = settled(Verdict(kind), standing=Standing.CANARY, streak=1)

    assert told.cooldown == Cooldown(NOW + 10, reason)
    assert told.failed


@pytest.mark.parametrize("kind", [Kind.OVERLOADED, Kind.CLIENT_ERROR, Kind.ABORTED])
def test_a_canary_that_says_nothing_of_its_account_leaves_it_on_probation(kind):
    told = settled(Verdict(kind), standing=Standing.CANARY)

    assert (told.cooldown, told.failed, told.proven) == (None, False, False)


def test_one_failure_of_a_worker_rests_nobody_and_counts():
    told = settled(Verdict(Kind.WORKER_ERROR, ACCOUNT))

    assert (told.cooldown, told.failed) == (None, True)

"""What an engine remembers of its account."""

import pytest

from worker.core.standing import Standing, windows_of
from worker.core.state import Limit, Window
from worker.core.verdict import Kind, Scope, Verdict

NOW = 1_790_000_000.0
QUOTA = Verdict(Kind.QUOTA, Scope.ACCOUNT, until=NOW + 100)
WINDOW = {
    "anthropic-ratelimit-unified-5h-status": "allowed",
    "anthropic-ratelimit-unified-5h-utilization": "0.25",
    "anthropic-ratelimit-unified-5h-reset": str(NOW + 60),
}


@pytest.mark.parametrize(
    ("verdict", "limit"),
    [
        (QUOTA, Limit(Kind.QUOTA, Scope.ACCOUNT, NOW + 100)),
        (
            Verdict(Kind.MODEL_LIMIT, Scope.MODEL, until=NOW + 9),
            Limit(Kind.MODEL_LIMIT, Scope.MODEL, NOW + 9, ("opus",)),
        ),
        (
            Verdict(Kind.BILLING, Scope.ACCOUNT, retry_after=5.0),
            Limit(Kind.BILLING, Scope.ACCOUNT, NOW + 5),
        ),
        # Nobody says until when: it is put to the test again after a minute.
        (Verdict(Kind.AUTH, Scope.ACCOUNT), Limit(Kind.AUTH, Scope.ACCOUNT, NOW + 60)),
        # What does not outlast the request is not remembered.
        (Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=5.0), None),
        (Verdict(Kind.OVERLOADED), None),
        (Verdict(Kind.WORKER_ERROR), None),
        (Verdict(Kind.CLIENT_ERROR), None),
    ],
)
def test_failures_that_last_are_remembered(verdict, limit):
    assert Standing().failed(verdict, "opus", NOW).limit_at(NOW) == limit


def test_a_limit_ends_by_time_alone():
    standing = Standing().failed(QUOTA, "opus", NOW)

    assert standing.limit_at(NOW + 99.9) is not None
    assert standing.limit_at(NOW + 100) is None


@pytest.mark.parametrize(
    ("scope", "model", "begun", "stands"),
    [
        # A success that began after the limit was seen proves that it is gone.
        (Scope.ACCOUNT, "haiku", NOW + 1, False),
        # One that began before proves nothing.
        (Scope.ACCOUNT, "opus", NOW - 1, True),
        (Scope.ACCOUNT, "opus", NOW, True),
        # A model's limit is gone once that model serves, and not with another.
        (Scope.MODEL, "opus", NOW + 1, False),
        (Scope.MODEL, "haiku", NOW + 1, True),
    ],
)
def test_a_success_ends_an_older_limit(scope, model, begun, stands):
    verdict = Verdict(Kind.QUOTA, scope, until=NOW + 100)
    standing = Standing().failed(verdict, "opus", NOW).served(model, begun)

    assert (standing.limit_at(NOW + 2) is not None) is stands


def test_windows_are_those_seen_last():
    seen = Standing().answered(WINDOW, NOW)

    assert seen.windows == (Window("five_hour", 0.25, NOW + 60, "allowed"),)
    assert seen.answered({"content-type": "text/plain"}, NOW) is seen


def test_a_reset_that_cannot_be_is_left_out():
    absurd = WINDOW | {"anthropic-ratelimit-unified-5h-reset": str(NOW + 1e6)}

    assert windows_of(absurd, NOW)[0].resets_at is None

import pytest

from worker.core.failure import failure_of_result, failure_of_retry, limited, timed_out
from worker.core.records import LimitInfo, Result, System, WindowInfo
from worker.core.verdict import Kind, Scope, Verdict

NOW = 1_790_000_000.0
SOON = NOW + 600


def windows(**statuses: str) -> dict[str, WindowInfo]:
    return {name: WindowInfo(0.5, SOON, status) for name, status in statuses.items()}


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        # No reset and no window: a burst, not quota.
        (LimitInfo("rejected"), Verdict(Kind.BURST, Scope.ACCOUNT)),
        (
            LimitInfo("rejected", SOON, "five_hour", windows(five_hour="rejected")),
            Verdict(Kind.QUOTA, Scope.ACCOUNT, until=SOON),
        ),
        (
            LimitInfo("rejected", SOON, "five_hour"),
            Verdict(Kind.QUOTA, Scope.ACCOUNT, until=SOON),
        ),
        (
            LimitInfo("rejected", SOON, "overage"),
            Verdict(Kind.QUOTA, Scope.ACCOUNT, until=SOON),
        ),
        # Named as the representative window, but it stands at allowed.
        (
            LimitInfo("rejected", SOON, "five_hour", windows(five_hour="allowed_warning")),
            Verdict(Kind.BURST, Scope.ACCOUNT),
        ),
        (
            LimitInfo("rejected", SOON, "seven_day_opus", windows(five_hour="allowed")),
            Verdict(Kind.MODEL_LIMIT, Scope.MODEL, until=SOON),
        ),
        # An account-wide rejection that an opus call ran into rests the account.
        (
            LimitInfo("rejected", SOON, "seven_day_opus", windows(five_hour="rejected")),
            Verdict(Kind.QUOTA, Scope.ACCOUNT, until=SOON),
        ),
        # A reset that no five-hour window can have is not believed.
        (
            LimitInfo("rejected", NOW + 90_000, "five_hour"),
            Verdict(Kind.QUOTA, Scope.ACCOUNT),
        ),
    ],
)
def test_a_refused_request_is_judged_by_its_windows(limit, expected):
    assert limited(limit, NOW) == expected


@pytest.mark.parametrize(
    ("status", "delay", "expected"),
    [
        (429, 8000, Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=8)),
        # The CLI's own pause says nothing.
        (429, 560, Verdict(Kind.THROTTLED)),
        (
            429,
            7_200_000,
            Verdict(Kind.QUOTA, Scope.ACCOUNT, until=NOW + 7200, retry_after=7200),
        ),
        (529, 500, Verdict(Kind.OVERLOADED)),
        (500, 500, Verdict(Kind.WORKER_ERROR, started=True)),
        (401, 500, Verdict(Kind.AUTH, Scope.ACCOUNT)),
        (None, 500, Verdict(Kind.WORKER_ERROR, started=True)),
    ],
)
def test_a_notice_of_another_try_tells_the_verdict_and_the_wait(status, delay, expected):
    notice = System("api_retry", attempt=1, error_status=status, retry_delay_ms=delay)

    assert failure_of_retry(notice, begun=False, now=NOW).verdict == expected


def test_what_had_begun_has_started_whatever_the_status():
    overloaded = Result(is_error=True, api_error_status=529)

    assert not failure_of_result(overloaded, None, None, begun=False, now=NOW).verdict.started
    assert failure_of_result(overloaded, None, None, begun=True, now=NOW).verdict.started


def test_a_success_without_a_message_is_a_failure():
    failure = failure_of_result(Result(num_turns=1), None, None, begun=False, now=NOW)

    assert failure.verdict == Verdict(Kind.WORKER_ERROR, started=True)


def test_a_429_without_any_notice_asks_for_more_than_a_minute():
    refused = Result(is_error=True, api_error_status=429, api_error_type="rate_limit_error")

    failure = failure_of_result(refused, "rate_limit", None, begun=False, now=NOW)

    assert failure.verdict == Verdict(Kind.QUOTA, Scope.ACCOUNT, retry_after=61)


@pytest.mark.parametrize("field", ["api_error", "api_error_code"])
def test_a_long_context_without_credits_is_the_requests_own_fault(field):
    code = {field: "long_context_credits_required"}
    refused = Result(is_error=True, api_error_status=429, **code)

    failure = failure_of_result(refused, "rate_limit", None, begun=False, now=NOW)

    assert (failure.verdict, failure.status) == (Verdict(Kind.CLIENT_ERROR), 400)


def test_a_timeout_names_its_stage():
    failure = timed_out("no first event", started=True)

    assert (failure.status, failure.kind) == (504, "timeout_error")
    assert "no first event" in failure.message

import pytest

from proxy.core.outcome import Outcome, Refusal
from proxy.core.verdict import Kind, Verdict
from proxy.errors import (
    AllLimitedError,
    NoWorkerError,
    StageTimeoutError,
    UnreachableError,
    WorkerBrokeError,
)

NOW = 1_000_000.0
BODY = b'{"type":"error"}'


@pytest.mark.parametrize(
    ("kind", "status", "passed"),
    [
        # The client's own fault is told in the upstream's words, with its status.
        (Kind.CLIENT_ERROR, 400, 400),
        (Kind.CLIENT_ERROR, 413, 413),
        (Kind.CLIENT_ERROR, 404, 404),
        (Kind.OVERLOADED, 529, 529),
        (Kind.THROTTLED, 429, 429),
        # What came as a success gets the status that it should have had.
        (Kind.CLIENT_ERROR, 200, 400),
        (Kind.OVERLOADED, 200, 529),
        # A full provider is 529, whatever it calls itself.
        (Kind.OVERLOADED, 503, 529),
        # The account's own trouble is nobody's business.
        (Kind.AUTH, 401, None),
        (Kind.BILLING, 402, None),
        (Kind.QUOTA, 429, None),
        (Kind.BURST, 429, None),
        (Kind.WORKER_ERROR, 500, None),
        (Kind.TIMEOUT, 504, None),
    ],
)
def test_an_upstreams_answer_is_passed_on_only_where_it_is_the_best_one(kind, status, passed):
    told = Outcome(Verdict(kind), Refusal(status, BODY)).passed_on()

    assert told == (passed and Refusal(passed, BODY))


def test_without_an_answer_nothing_is_passed_on():
    assert Outcome(Verdict(Kind.OVERLOADED)).passed_on() is None


@pytest.mark.parametrize(
    ("verdict", "error", "wait"),
    [
        (Verdict(Kind.QUOTA, until=NOW + 90), AllLimitedError, 90),
        (Verdict(Kind.BURST, retry_after=5), AllLimitedError, 5),
        (Verdict(Kind.MODEL_LIMIT), AllLimitedError, None),
        # A reset that has passed is not a reason to come at once.
        (Verdict(Kind.QUOTA, until=NOW - 5), AllLimitedError, 1),
        (Verdict(Kind.AUTH), NoWorkerError, 5),
        (Verdict(Kind.BILLING), NoWorkerError, 5),
        (Verdict(Kind.WORKER_ERROR), WorkerBrokeError, None),
        (Verdict(Kind.TIMEOUT), StageTimeoutError, None),
    ],
)
def test_what_a_client_is_told_instead(verdict, error, wait):
    told = Outcome(verdict).told(NOW)

    assert type(told) is error
    assert told.retry_after == wait


def test_an_error_of_ours_is_told_as_it_is():
    error = UnreachableError("connect: nobody there")

    assert Outcome(Verdict(Kind.WORKER_ERROR), error=error).told(NOW) is error


@pytest.mark.parametrize(("started", "advice"), [(True, False), (False, None)])
def test_a_time_out_names_its_stage_and_warns_where_the_turn_may_run(started, advice):
    error = StageTimeoutError("first_byte: the worker does not answer")
    told = Outcome(Verdict(Kind.TIMEOUT, started=started), error=error).told(NOW)

    assert (told.message, told.should_retry) == (error.message, advice)


@pytest.mark.parametrize(("wait", "advice"), [(60, None), (61, False), (None, None)])
def test_a_long_limit_is_not_to_be_slept_through(wait, advice):
    assert AllLimitedError("rests", retry_after=wait).should_retry is advice

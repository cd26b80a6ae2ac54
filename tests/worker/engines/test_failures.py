"""The failures of an exchange with a provider."""

import msgspec
import pytest

from worker.core.verdict import Kind
from worker.engines.failures import broken, refused, timed_out, unreachable


def body(kind: str, message: str = "words") -> bytes:
    return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": message}})


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (400, body("invalid_request_error"), (400, "invalid_request_error", "words")),
        (413, b"<html>", (413, "request_too_large", "the provider answered 413")),
        (429, body("rate_limit_error"), (429, "rate_limit_error", "words")),
        (200, body("overloaded_error"), (529, "overloaded_error", "words")),
        (502, b"", (502, "api_error", "the provider answered 502")),
        # What the provider says of the login or the bill is for the operator alone.
        (
            403,
            body("permission_error"),
            (401, "authentication_error", "the provider refuses this worker's login"),
        ),
        (
            402,
            body("billing_error"),
            (402, "billing_error", "the provider cannot bill this worker's account"),
        ),
    ],
)
def test_a_refusal_says_what_a_client_may_know(status, content, expected):
    failure = refused(status, {}, content, now=0)

    assert (failure.status, failure.kind, failure.message) == expected


@pytest.mark.parametrize(("status", "content"), [(200, b'{"type":"message"}'), (302, b"")])
def test_what_is_no_refusal_is_none(status, content):
    assert refused(status, {}, content, now=0) is None


@pytest.mark.parametrize(
    ("failure", "status", "kind", "started"),
    [
        (unreachable(""), 502, Kind.WORKER_ERROR, False),
        (broken(""), 502, Kind.WORKER_ERROR, True),
        (timed_out("connect", started=False), 504, Kind.TIMEOUT, False),
        (timed_out("first byte", started=True), 504, Kind.TIMEOUT, True),
    ],
)
def test_a_failure_says_whether_the_turn_may_have_run(failure, status, kind, started):
    assert failure.status == status
    assert (failure.verdict.kind, failure.verdict.started) == (kind, started)

import json

import pytest

from worker.core.verdict import Kind, Scope, Verdict, status_of, type_of, verdict_of_answer

NOW = 1_790_000_000.0
UNIFIED = "anthropic-ratelimit-unified-"
FIVE_HOUR = {
    UNIFIED + "status": "rejected",
    UNIFIED + "5h-status": "rejected",
    UNIFIED + "5h-reset": "1790000600",
    UNIFIED + "7d-status": "allowed",
}
OPUS = {
    UNIFIED + "status": "rejected",
    UNIFIED + "representative-claim": "seven_day_opus",
    UNIFIED + "reset": "1790000600",
    UNIFIED + "5h-status": "allowed",
}
ALLOWED = {UNIFIED + "status": "allowed", UNIFIED + "5h-status": "allowed", "retry-after": "7"}
SPENT = {
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2026-09-21T14:14:20Z",
}


def error(kind: str, code: str | None = None) -> bytes:
    details = {"details": {"error_code": code}} if code else {}
    return json.dumps(
        {"type": "error", "error": {"type": kind, "message": "…", **details}}
    ).encode()


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (200, {}, b'{"type":"message"}', Verdict(Kind.OK)),
        # An error is an error, whatever status it comes with.
        (200, {}, error("overloaded_error"), Verdict(Kind.OVERLOADED)),
        (200, {}, error("api_error"), Verdict(Kind.WORKER_ERROR, started=True)),
        (200, {}, error("rate_limit_error"), Verdict(Kind.THROTTLED)),
        (400, {}, error("billing_error"), Verdict(Kind.BILLING, Scope.ACCOUNT)),
        (402, {}, b"", Verdict(Kind.BILLING, Scope.ACCOUNT)),
        (
            400,
            {},
            error("invalid_request_error", "credit_balance_too_low"),
            Verdict(Kind.BILLING, Scope.ACCOUNT),
        ),
        (400, {}, error("invalid_request_error"), Verdict(Kind.CLIENT_ERROR)),
        (401, {}, error("authentication_error"), Verdict(Kind.AUTH, Scope.ACCOUNT)),
        (403, {}, error("permission_error"), Verdict(Kind.AUTH, Scope.ACCOUNT)),
        (404, {}, error("not_found_error"), Verdict(Kind.CLIENT_ERROR)),
        (413, {}, b"<html>", Verdict(Kind.CLIENT_ERROR)),
        (500, {}, b"\xff", Verdict(Kind.WORKER_ERROR, started=True)),
        (504, {}, b"", Verdict(Kind.WORKER_ERROR, started=True)),
        (529, {"retry-after": "3"}, b"", Verdict(Kind.OVERLOADED, retry_after=3)),
        (429, {}, b"", Verdict(Kind.THROTTLED)),
        (429, {"retry-after": "7"}, b"", Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=7)),
        (429, SPENT, b"", Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=60)),
        # Every window is allowed: too fast, and no more than that.
        (429, ALLOWED, b"", Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=7)),
        # A wait of an hour is no burst.
        (
            429,
            {"retry-after": "3600"},
            b"",
            Verdict(Kind.QUOTA, Scope.ACCOUNT, until=NOW + 3600, retry_after=3600),
        ),
        (429, FIVE_HOUR, b"", Verdict(Kind.QUOTA, Scope.ACCOUNT, until=NOW + 600)),
        (429, OPUS, b"", Verdict(Kind.MODEL_LIMIT, Scope.MODEL, until=NOW + 600)),
        # A limit of the whole account outweighs one of a model.
        (429, OPUS | FIVE_HOUR, b"", Verdict(Kind.QUOTA, Scope.ACCOUNT, until=NOW + 600)),
        # A reset that no such window can have is not believed.
        (
            429,
            FIVE_HOUR | {UNIFIED + "5h-reset": "1799999999"},
            b"",
            Verdict(Kind.QUOTA, Scope.ACCOUNT),
        ),
        (
            429,
            FIVE_HOUR | {UNIFIED + "5h-status": "payment_required"},
            b"",
            Verdict(Kind.BILLING, Scope.ACCOUNT),
        ),
        (
            429,
            {},
            error("rate_limit_error", "long_context_credits_required"),
            Verdict(Kind.CLIENT_ERROR),
        ),
    ],
)
def test_an_answer_is_judged_by_status_type_and_headers(status, headers, body, expected):
    assert verdict_of_answer(status, headers, body, NOW) == expected


def test_a_limit_that_an_ordinary_answer_talks_about_is_no_limit():
    body = json.dumps(
        {"type": "message", "content": [{"type": "text", "text": "You've hit your limit"}]}
    ).encode()

    assert verdict_of_answer(200, {}, body, NOW) == Verdict(Kind.OK)


@pytest.mark.parametrize(
    ("kind", "provider", "status"),
    [
        (Kind.QUOTA, 429, 429),
        (Kind.THROTTLED, None, 429),
        (Kind.BILLING, 400, 402),
        (Kind.OVERLOADED, 200, 529),
        (Kind.AUTH, 403, 401),
        (Kind.CLIENT_ERROR, 413, 413),
        (Kind.CLIENT_ERROR, 429, 400),
        (Kind.CLIENT_ERROR, None, 400),
        (Kind.WORKER_ERROR, 503, 503),
        (Kind.WORKER_ERROR, 504, 502),
        (Kind.WORKER_ERROR, None, 502),
        (Kind.TIMEOUT, None, 504),
    ],
)
def test_a_verdict_has_its_status(kind, provider, status):
    assert status_of(kind, provider) == status


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (502, "api_error"),
        (529, "overloaded_error"),
    ],
)
def test_a_status_has_its_error_type(status, kind):
    assert type_of(status) == kind

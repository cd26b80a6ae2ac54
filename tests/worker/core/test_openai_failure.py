"""What failed answers of OpenAI-style upstreams mean."""

import json

import pytest

from worker.core.openai_failure import failure_of_answer
from worker.core.verdict import Kind, Scope, Verdict

NOW = 1_790_000_000.0
WRONG = Verdict(Kind.CLIENT_ERROR)
BILLING = Verdict(Kind.BILLING, Scope.ACCOUNT)
AUTH = Verdict(Kind.AUTH, Scope.ACCOUNT)
BROKEN = Verdict(Kind.WORKER_ERROR, started=True)


def burst(seconds=None):
    return Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=seconds)


def told(status, headers=None, message="its words", **error):
    body = json.dumps({"error": {"message": message, **error}}).encode()
    return failure_of_answer(status, headers or {}, body, NOW)


@pytest.mark.parametrize(
    ("status", "error", "headers", "verdict", "own_status"),
    [
        (400, {"code": "context_length_exceeded"}, {}, WRONG, 400),
        (400, {"type": "invalid_request_error", "code": None}, {}, WRONG, 400),
        (400, {"code": "content_filter", "param": "prompt"}, {}, WRONG, 400),
        (404, {"type": "invalid_request_error", "code": "model_not_found"}, {}, WRONG, 404),
        (413, {}, {}, WRONG, 413),
        (422, {"type": "BadRequestError", "code": 422}, {}, WRONG, 422),
        # An unusable key names itself a bad request, too.
        (401, {"type": "invalid_request_error", "code": "invalid_api_key"}, {}, AUTH, 401),
        (403, {"code": "unsupported_country_region_territory"}, {}, AUTH, 401),
        (402, {}, {}, BILLING, 402),
        (429, {"type": "insufficient_quota", "code": "insufficient_quota"}, {}, BILLING, 402),
        (429, {"code": "rate_limit_exceeded"}, {"retry-after": "7"}, burst(7), 429),
        (429, {"code": "rate_limit_exceeded"}, {"retry-after-ms": "250"}, burst(0.25), 429),
        (429, {"type": "tokens", "code": "rate_limit_exceeded"}, {}, burst(), 429),
        (429, {}, {}, Verdict(Kind.THROTTLED), 429),
        (
            429,
            {"code": "rate_limit_exceeded"},
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "1m30s",
                "x-ratelimit-remaining-tokens": "150",
                "x-ratelimit-reset-tokens": "6h",
            },
            burst(90),
            429,
        ),
        # What takes this long is no burst.
        (
            429,
            {"code": "rate_limit_exceeded"},
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6h0m0s"},
            Verdict(Kind.QUOTA, Scope.ACCOUNT, until=NOW + 21_600, retry_after=21_600),
            429,
        ),
        (500, {"type": "server_error"}, {}, BROKEN, 500),
        (502, {}, {}, BROKEN, 502),
        (503, {}, {}, BROKEN, 503),
        (529, {"type": "overloaded_error"}, {}, Verdict(Kind.OVERLOADED), 529),
    ],
)
def test_an_answer_that_is_none(status, error, headers, verdict, own_status):
    failure = told(status, headers, **error)

    assert (failure.verdict, failure.status) == (verdict, own_status)


@pytest.mark.parametrize(
    ("error", "verdict", "status"),
    [
        ({"code": "context_length_exceeded"}, WRONG, 400),
        ({"code": "rate_limit_exceeded"}, burst(), 429),
        ({"code": "insufficient_quota"}, BILLING, 402),
        ({"code": 429}, Verdict(Kind.THROTTLED), 429),
        ({"code": "429"}, Verdict(Kind.THROTTLED), 429),
        ({"code": 502}, BROKEN, 502),
        ({"type": "BadRequestError", "code": 400}, WRONG, 400),
        ({"type": "server_error"}, BROKEN, 502),
        ({"type": "overloaded_error"}, Verdict(Kind.OVERLOADED), 529),
        ({"type": "rate_limit_error"}, Verdict(Kind.THROTTLED), 429),
        ({"type": "who knows"}, BROKEN, 502),
    ],
)
def test_an_error_in_a_stream_has_no_status_but_its_words(error, verdict, status):
    failure = told(200, **error)

    assert (failure.verdict, failure.status) == (verdict, status)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"error":"oops"}', b"\xff"])
def test_a_success_that_is_none_tells_nothing_and_a_refusal_needs_no_body(body):
    assert failure_of_answer(200, {}, body, NOW) is None
    assert failure_of_answer(401, {}, body, NOW).verdict == AUTH


def test_only_what_the_client_did_wrong_is_told_in_the_upstreams_words():
    assert told(400).message == "its words"
    assert told(401, code="invalid_api_key").message == "The account's login does not work."
    assert "its words" not in told(429, code="rate_limit_exceeded").message
    assert "its words" not in told(500).message


def test_the_type_is_one_of_the_messages_api():
    assert told(429, type="insufficient_quota").kind == "billing_error"
    assert told(404, type="NotFoundError").kind == "not_found_error"
    assert told(429, type="requests").kind == "rate_limit_error"

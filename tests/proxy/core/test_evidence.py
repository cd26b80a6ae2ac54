import json

import pytest

from proxy.core.evidence import is_failure, read_verdict
from proxy.core.verdict import Kind, Scope, Verdict

NOW = 1_800_000_000.0
UNIFIED = "anthropic-ratelimit-unified-"


def error(type_, code=None):
    details = f',"details":{{"error_code":"{code}"}}' if code else ""
    return f'{{"type":"error","error":{{"type":"{type_}","message":"m"{details}}}}}'.encode()


ALLOWED = {f"{UNIFIED}5h-status": "allowed", f"{UNIFIED}7d-status": "allowed_warning"}
FIVE_HOUR_SPENT = {
    f"{UNIFIED}status": "rejected",
    f"{UNIFIED}5h-status": "rejected",
    f"{UNIFIED}5h-reset": str(int(NOW) + 7200),
    f"{UNIFIED}7d-status": "allowed",
    f"{UNIFIED}7d-reset": str(int(NOW) + 300_000),
}


def test_a_success_is_a_success():
    assert read_verdict(200, {}, b"", NOW) == Verdict(Kind.OK, started=True)


def test_a_429_with_windows_allowed_and_a_short_retry_after_is_a_burst():
    verdict = read_verdict(429, ALLOWED | {"retry-after": "7"}, error("rate_limit_error"), NOW)

    assert verdict == Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=7)


def test_a_rejected_window_is_quota_until_its_own_reset():
    verdict = read_verdict(429, FIVE_HOUR_SPENT, error("rate_limit_error"), NOW)

    assert verdict == Verdict(Kind.QUOTA, Scope.ACCOUNT, until=NOW + 7200)


def test_of_two_rejected_windows_the_later_reset_counts():
    both = FIVE_HOUR_SPENT | {f"{UNIFIED}7d-status": "rejected"}

    assert read_verdict(429, both, b"", NOW).until == NOW + 300_000


@pytest.mark.parametrize("window", ["7d_opus", "7d_oi"])
def test_a_rejected_model_window_alone_limits_that_model(window):
    headers = ALLOWED | {
        f"{UNIFIED}{window}-status": "rejected",
        f"{UNIFIED}{window}-reset": str(int(NOW) + 90_000),
    }

    verdict = read_verdict(429, headers, error("rate_limit_error"), NOW)

    assert verdict == Verdict(Kind.MODEL_LIMIT, Scope.MODEL, until=NOW + 90_000)


def test_an_account_wide_rejection_beats_a_models():
    headers = FIVE_HOUR_SPENT | {
        f"{UNIFIED}7d_opus-status": "rejected",
        f"{UNIFIED}7d_opus-reset": str(int(NOW) + 90_000),
    }

    verdict = read_verdict(429, headers, b"", NOW)

    assert (verdict.kind, verdict.until) == (Kind.QUOTA, NOW + 7200)


def test_a_rejection_without_its_window_is_the_representative_claims():
    headers = {
        f"{UNIFIED}status": "rejected",
        f"{UNIFIED}representative-claim": "seven_day_opus",
        f"{UNIFIED}reset": str(int(NOW) + 400),
    }

    assert read_verdict(429, headers, b"", NOW) == Verdict(
        Kind.MODEL_LIMIT, Scope.MODEL, until=NOW + 400
    )


def test_a_429_with_no_evidence_of_a_limit_is_throttling():
    assert read_verdict(429, {}, error("rate_limit_error"), NOW) == Verdict(Kind.THROTTLED)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (529, b""),
        (529, error("api_error")),
        (529, b"<html>"),
        (200, error("overloaded_error")),
        (500, error("overloaded_error")),
        (429, error("overloaded_error")),
    ],
)
def test_a_full_provider_is_no_fault_of_the_account(status, body):
    assert read_verdict(status, {}, body, NOW) == Verdict(Kind.OVERLOADED)


def test_a_limit_sentence_in_an_ordinary_answer_is_an_ordinary_answer():
    body = (
        b'{"type":"message","content":[{"type":"text","text":"rate_limit_error: limit reached"}]}'
    )

    assert read_verdict(200, {}, body, NOW).kind is Kind.OK


def test_a_limit_sentence_in_an_errors_message_says_nothing():
    body = (
        b'{"type":"error","error":{"type":"api_error","message":"usage_limit_reached, resets 3pm"}}'
    )

    assert read_verdict(500, {}, body, NOW).kind is Kind.WORKER_ERROR


def test_a_rejection_with_overage_in_use_on_a_success_is_a_success():
    headers = FIVE_HOUR_SPENT | {f"{UNIFIED}overage-in-use": "true"}

    assert read_verdict(200, headers, b"", NOW).kind is Kind.OK


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Verdict(Kind.BURST, Scope.ACCOUNT)),
        ({"x-ratelimit-reset-requests": "12ms"}, Verdict(Kind.BURST, Scope.ACCOUNT)),
        (
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"},
            Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=30),
        ),
        (
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"},
            Verdict(Kind.QUOTA, Scope.ACCOUNT, until=NOW + 360, retry_after=360),
        ),
        (
            {"x-ratelimit-remaining-requests": "0", "retry-after": "3"},
            Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=3),
        ),
    ],
)
def test_openai_style_counts_tell_when_there_is_room_again(headers, expected):
    counts = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "4"}

    assert read_verdict(429, counts | headers, b"", NOW) == expected


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        ("30", Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=30)),
        ("0.5", Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=0.5)),
        ("7200", Verdict(Kind.QUOTA, Scope.ACCOUNT, until=NOW + 7200, retry_after=7200)),
        ("Fri, 15 Jan 2027 08:00:09 GMT", Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=9)),
        # A wish that makes no sense is still a wish.
        ("soon", Verdict(Kind.BURST, Scope.ACCOUNT)),
        ("-5", Verdict(Kind.BURST, Scope.ACCOUNT)),
        ("1000000000", Verdict(Kind.BURST, Scope.ACCOUNT)),
        ("NaN", Verdict(Kind.BURST, Scope.ACCOUNT)),
        ("Fri, 15 Jan 2021 08:00:09 GMT", Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=0)),
    ],
)
def test_a_429_that_only_names_a_wait_is_a_burst_if_short_and_a_quota_if_long(
    retry_after, expected
):
    assert read_verdict(429, {"retry-after": retry_after}, b"", NOW) == expected


@pytest.mark.parametrize(
    ("status", "body", "kind", "scope", "started"),
    [
        (400, error("invalid_request_error"), Kind.CLIENT_ERROR, Scope.REQUEST, False),
        (413, b"", Kind.CLIENT_ERROR, Scope.REQUEST, False),
        (404, error("not_found_error"), Kind.CLIENT_ERROR, Scope.REQUEST, False),
        (422, b"not json", Kind.CLIENT_ERROR, Scope.REQUEST, False),
        (401, error("authentication_error"), Kind.AUTH, Scope.ACCOUNT, False),
        # OpenAI calls a bad key an invalid request.
        (401, error("invalid_request_error"), Kind.AUTH, Scope.ACCOUNT, False),
        (403, error("permission_error"), Kind.AUTH, Scope.ACCOUNT, False),
        (402, b"", Kind.BILLING, Scope.ACCOUNT, False),
        (400, error("billing_error"), Kind.BILLING, Scope.ACCOUNT, False),
        (429, error("billing_error"), Kind.BILLING, Scope.ACCOUNT, False),
        (
            429,
            b'{"error":{"code":"insufficient_quota","type":"x"}}',
            Kind.BILLING,
            Scope.ACCOUNT,
            False,
        ),
        (
            429,
            error("rate_limit_error", "long_context_credits_required"),
            Kind.CLIENT_ERROR,
            Scope.REQUEST,
            False,
        ),
        (
            429,
            error("rate_limit_error", "usage_limit_reached"),
            Kind.QUOTA,
            Scope.ACCOUNT,
            False,
        ),
        # One request may be what breaks a provider; a gateway's status is the upstream's own.
        (500, error("api_error"), Kind.WORKER_ERROR, Scope.REQUEST, True),
        (502, b"<html>", Kind.WORKER_ERROR, Scope.ACCOUNT, True),
        (503, b"", Kind.WORKER_ERROR, Scope.ACCOUNT, True),
        (302, b"", Kind.WORKER_ERROR, Scope.ACCOUNT, True),
        (504, error("timeout_error"), Kind.TIMEOUT, Scope.ACCOUNT, True),
        # Errors that come with a success's status.
        (200, error("api_error"), Kind.WORKER_ERROR, Scope.REQUEST, True),
        (200, error("authentication_error"), Kind.AUTH, Scope.ACCOUNT, False),
        (200, error("rate_limit_error"), Kind.THROTTLED, Scope.REQUEST, False),
        (200, error("never_heard_of"), Kind.WORKER_ERROR, Scope.REQUEST, True),
        (200, b'{"error":"broken"}', Kind.WORKER_ERROR, Scope.REQUEST, True),
        (200, b'{"error":null,"output":[]}', Kind.OK, Scope.REQUEST, True),
        (
            200,
            b'{"type":"error","code":"rate_limit_exceeded","message":"m"}',
            Kind.THROTTLED,
            Scope.REQUEST,
            False,
        ),
    ],
)
def test_status_code_and_type_name_the_kind(status, body, kind, scope, started):
    assert read_verdict(status, {}, body, NOW) == Verdict(kind, scope, started=started)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {"scope": "account", "until": str(NOW + 60), "started": "0"},
            Verdict(Kind.QUOTA, Scope.ACCOUNT, until=NOW + 60),
        ),
        ({"scope": "model", "started": "0"}, Verdict(Kind.QUOTA, Scope.MODEL)),
        # What is missing or odd is filled with what goes with the kind.
        ({}, Verdict(Kind.QUOTA, Scope.ACCOUNT)),
        ({"scope": "galaxy", "until": "NaN"}, Verdict(Kind.QUOTA, Scope.ACCOUNT)),
        ({"until": str(NOW - 1)}, Verdict(Kind.QUOTA, Scope.ACCOUNT)),
        ({"until": str(NOW + 9 * 86_400)}, Verdict(Kind.QUOTA, Scope.ACCOUNT)),
        ({"started": "1"}, Verdict(Kind.QUOTA, Scope.ACCOUNT, started=True)),
    ],
)
def test_a_workers_own_word_goes_before_status_and_body(headers, expected):
    told = {f"x-headgate-{name}": value for name, value in headers.items()}
    told["x-headgate-verdict"] = "quota"

    assert read_verdict(401, told, error("overloaded_error"), NOW) == expected


def test_a_workers_failure_may_have_begun_unless_it_says_otherwise():
    told = {"x-headgate-verdict": "worker_error"}

    assert read_verdict(502, told, b"", NOW).started
    assert not read_verdict(502, told | {"x-headgate-started": "0"}, b"", NOW).started


def test_a_word_that_is_no_verdict_is_not_listened_to():
    assert read_verdict(529, {"x-headgate-verdict": "fine"}, b"", NOW).kind is Kind.OVERLOADED


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (error("api_error"), True),
        (b'{"error":{"message":"m","type":"t","param":null,"code":null}}', True),
        (b'{"type":"message","content":[{"type":"text","text":"\\"error\\""}]}', False),
        (b'{"type":"message","metadata":{"error":null}}', False),
        (b'{"error":null}', False),
        (b'{"error":' + b"[" * 100_000, False),
        (b'{"error":"\xff"}', False),
        (b"", False),
    ],
)
def test_an_error_object_is_known_whatever_its_status(body, expected):
    assert is_failure(body) is expected


def test_a_key_without_credit_is_known_by_its_sentence_where_the_message_begins_with_it():
    def said(message):
        error = {"type": "invalid_request_error", "message": message}
        return json.dumps({"type": "error", "error": error}).encode()

    empty = said("Your credit balance is too low to access the API.")
    quoted = said('messages.0: "Your credit balance is too low" is not a valid block')

    assert read_verdict(400, {}, empty, NOW) == Verdict(Kind.BILLING, Scope.ACCOUNT)
    assert read_verdict(400, {}, quoted, NOW) == Verdict(Kind.CLIENT_ERROR)

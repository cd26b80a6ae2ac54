import pytest

from worker.core.limits import Claim, claims, parse_instant, retry_after, sane_reset, spent_until

NOW = 1_790_000_000.0
UNIFIED = "anthropic-ratelimit-unified-"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", NOW + 30),
        ("0.5", NOW + 0.5),
        ("1790000060", NOW + 60),
        ("1790000060000", NOW + 60),
        ("2026-09-21T14:14:20Z", NOW + 60),
        ("2026-09-21t16:14:20.5+02:00", NOW + 60.5),
        ("2026-09-21T09:14:20-05:00", NOW + 60),
        ("Mon, 21 Sep 2026 14:14:20 GMT", NOW + 60),
        ("1m30s", NOW + 90),
        ("12ms", NOW + 0.012),
        ("1h", NOW + 3600),
        ("2d3h", NOW + 2 * 86400 + 3 * 3600),
        ("", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("1..5s", NOW),
    ],
)
def test_an_instant_is_read_in_every_form_in_use(text, expected):
    assert parse_instant(text, NOW) == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Mon, 21 Sep 2026 14:14:20 GMT"}, 60),
        ({"retry-after": "Mon, 21 Sep 2026 14:00:00 GMT"}, None),
        ({"retry-after": "999999999"}, None),
        ({"retry-after-ms": "-1"}, None),
        ({"retry-after": "later"}, None),
        ({}, None),
    ],
)
def test_a_wait_is_read_unless_it_is_past_or_absurd(headers, expected):
    found = retry_after(headers, NOW)

    assert found == (expected if expected is None else pytest.approx(expected))


def test_claims_are_the_windows_of_the_unified_family():
    headers = {
        UNIFIED + "status": "rejected",
        UNIFIED + "5h-status": "rejected",
        UNIFIED + "5h-reset": "1790000060",
        UNIFIED + "5h-utilization": "1.02",
        UNIFIED + "7d_oi-status": "allowed",
        UNIFIED + "representative-claim": "five_hour",
        UNIFIED + "overage-status": "rejected",
    }

    assert claims(headers, NOW) == (
        Claim("five_hour", "rejected", NOW + 60, 1.02),
        Claim("seven_day_overage_included", "allowed", None, 0.0),
    )


def test_a_representative_claim_counts_where_its_window_is_not_told():
    headers = {
        UNIFIED + "status": "rejected",
        UNIFIED + "representative-claim": "seven_day_opus",
        UNIFIED + "reset": "1790000060",
    }

    assert claims(headers, NOW) == (Claim("seven_day_opus", "rejected", NOW + 60, 0.0),)


def test_a_spent_budget_fills_at_the_latest_of_its_resets():
    headers = {
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "2026-09-21T14:13:30Z",
        "anthropic-ratelimit-tokens-remaining": "5",
        "anthropic-ratelimit-tokens-reset": "2026-09-21T15:00:00Z",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "1m30s",
    }

    assert spent_until(headers, NOW) == NOW + 90
    assert spent_until({}, NOW) is None


@pytest.mark.parametrize(
    ("window", "ahead", "sane"),
    [
        ("five_hour", 5 * 3600, True),
        ("five_hour", 7 * 3600, False),
        ("seven_day", 7 * 86400, True),
        ("seven_day", 9 * 86400, False),
        ("seven_day", -1, False),
    ],
)
def test_a_reset_is_believed_only_within_its_windows_reach(window, ahead, sane):
    assert sane_reset(window, NOW + ahead, NOW) == (NOW + ahead if sane else None)

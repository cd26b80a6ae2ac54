import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.account import ANY_MODEL, Window
from proxy.core.limits import retry_after, sane_reset, unified, windows

NOW = 1_800_000_000.0
UNIFIED = "anthropic-ratelimit-unified-"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30),
        ({"retry-after": "Fri, 15 Jan 2021 08:00:30 GMT"}, 0),
        ({"retry-after": "12", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "12", "retry-after-ms": "junk"}, 12),
        ({"retry-after": "18000"}, 18000),
        ({"retry-after": "1000000000"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "later"}, None),
    ],
)
def test_retry_after(headers, expected):
    assert retry_after(headers, NOW) == expected


def test_the_windows_of_a_login():
    headers = {
        f"{UNIFIED}status": "allowed_warning",
        f"{UNIFIED}5h-status": "allowed",
        f"{UNIFIED}5h-utilization": "0.42",
        f"{UNIFIED}5h-reset": str(int(NOW) + 600),
        f"{UNIFIED}7d-status": "allowed_warning",
        f"{UNIFIED}7d-utilization": "0.91",
        f"{UNIFIED}7d-reset": "2027-01-16T08:00:00Z",
        f"{UNIFIED}7d_opus-utilization": "1.2",
        f"{UNIFIED}overage-status": "rejected",
        f"{UNIFIED}overage-disabled-reason": "org_level_disabled",
    }

    assert windows(headers, NOW) == (
        Window("five_hour", 0.42, NOW + 600, "allowed"),
        Window("seven_day", 0.91, NOW + 86_400, "allowed_warning"),
        Window("seven_day_opus", 1.2, None, "allowed", "opus"),
    )


def test_a_window_about_models_we_do_not_know_is_not_about_all():
    (window,) = windows({f"{UNIFIED}7d_oi-utilization": "1.0"}, NOW)

    assert window.name == "seven_day_overage_included"
    assert window.family != ANY_MODEL


def test_a_rejected_window_is_used_up_even_if_nobody_says_how_far():
    (window,) = windows({f"{UNIFIED}5h-status": "rejected"}, NOW)

    assert window == Window("five_hour", 1.0, None, "rejected")


def test_a_rejection_is_the_representative_claims_where_no_window_owns_up_to_it():
    headers = {
        f"{UNIFIED}status": "rejected",
        f"{UNIFIED}representative-claim": "seven_day",
        f"{UNIFIED}reset": str(int(NOW) + 60),
        f"{UNIFIED}5h-status": "allowed",
    }

    assert unified(headers, NOW)[-1] == Window("seven_day", 1.0, NOW + 60, "rejected")


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", "melting"), ("reset", str(int(NOW) + 7 * 3600)), ("reset", str(int(NOW) - 9))],
)
def test_what_cannot_be_right_is_marked_so_that_it_can_be_counted(field, value):
    (window,) = windows({f"{UNIFIED}5h-{field}": value}, NOW)

    assert window.odd
    assert window.status == "allowed"
    assert window.resets_at in {None, NOW + 60}


def test_the_counts_of_a_key():
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "20",
        "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:10Z",
        "anthropic-ratelimit-input-tokens-limit": "1000",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-output-tokens-limit": "0",
        "anthropic-ratelimit-output-tokens-remaining": "0",
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "25",
        "x-ratelimit-reset-tokens": "1m30s",
    }

    assert windows(headers, NOW) == (
        Window("requests", 0.6, NOW + 10),
        Window("input-tokens", 1.0),
        Window("tokens", 0.75, NOW + 90),
    )


@pytest.mark.parametrize(
    ("name", "ahead", "expected"),
    [
        ("five_hour", 6 * 3600, 6 * 3600),
        ("five_hour", 6 * 3600 + 1, 60),
        ("seven_day", 6 * 3600 + 1, 6 * 3600 + 1),
        ("seven_day_opus", 8 * 86_400, 8 * 86_400),
        ("seven_day", 8 * 86_400 + 1, 60),
        ("five_hour", -1, 60),
        ("five_hour", float("nan"), 60),
    ],
)
def test_a_reset_that_cannot_be_is_a_minute_away(name, ahead, expected):
    assert sane_reset(name, NOW + ahead, NOW) == NOW + expected


names = st.sampled_from(
    [
        *(
            f"{UNIFIED}{w}-{f}"
            for w in ("5h", "7d", "7d_x")
            for f in ("status", "reset", "utilization")
        ),
        f"{UNIFIED}status",
        f"{UNIFIED}representative-claim",
        "retry-after",
        "retry-after-ms",
        "x-ratelimit-limit-tokens",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens",
    ]
)


@given(st.dictionaries(names, st.text(max_size=20) | st.floats().map(str) | st.integers().map(str)))
def test_no_headers_upset_it_and_every_reset_is_within_reach(headers):
    for window in windows(headers, NOW):
        assert window.utilization >= 0
        assert window.resets_at is None or NOW <= window.resets_at <= NOW + 8 * 86_400
    wait = retry_after(headers, NOW)
    assert wait is None or 0 <= wait <= 8 * 86_400

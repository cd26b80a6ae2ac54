import pytest

from simulator.limits import limit_headers
from simulator.plans import Plan, Standing, Style

FIVE = Standing("five_hour", 3, 10, 1000.2)
WEEK = Standing("seven_day", 90, 100, 2000)
OPUS = Standing("seven_day_opus", 5, 5, 3000)
REQUESTS = Standing("requests", 3, 10, 1_790_000_000.5)
NOW = 1_789_999_900
U = "anthropic-ratelimit-unified"


def test_a_subscription_reports_every_window_and_the_one_that_matters_most():
    headers = limit_headers(Plan(), Style.UNIFIED, [FIVE, WEEK, REQUESTS], NOW)

    assert headers == {
        f"{U}-status": "allowed_warning",
        f"{U}-reset": "2000",
        f"{U}-representative-claim": "seven_day",
        f"{U}-fallback-percentage": "0.5",
        f"{U}-overage-status": "rejected",
        f"{U}-overage-in-use": "false",
        f"{U}-overage-disabled-reason": "org_level_disabled",
        f"{U}-5h-status": "allowed",
        # Rounded up: who comes back at the reset must not come too early.
        f"{U}-5h-reset": "1001",
        f"{U}-5h-utilization": "0.3",
        f"{U}-7d-status": "allowed_warning",
        f"{U}-7d-reset": "2000",
        f"{U}-7d-utilization": "0.9",
        f"{U}-7d-surpassed-threshold": "0.8",
    }


def test_a_models_week_shows_as_the_representative_claim_only():
    headers = limit_headers(Plan(), Style.UNIFIED, [FIVE, OPUS], NOW)

    assert headers[f"{U}-representative-claim"] == "seven_day_opus"
    assert headers[f"{U}-status"] == "rejected"
    assert not any("opus" in name for name in headers)


def test_overage_in_use_is_said():
    full = Standing("five_hour", 11, 10, 1000)
    headers = limit_headers(Plan(overage=True), Style.UNIFIED, [full], NOW)

    assert headers[f"{U}-overage-status"] == "allowed"
    assert headers[f"{U}-overage-in-use"] == "true"


def test_an_api_key_sees_units_with_resets_in_rfc_3339():
    headers = limit_headers(Plan(), Style.KEY, [FIVE, REQUESTS], NOW)

    assert headers == {
        "anthropic-ratelimit-requests-limit": "10",
        "anthropic-ratelimit-requests-remaining": "7",
        "anthropic-ratelimit-requests-reset": "2026-09-21T14:13:21Z",
    }


@pytest.mark.parametrize(
    ("resets_in", "duration"), [(0.012, "12ms"), (5, "5s"), (59.5, "1m0s"), (90, "1m30s")]
)
def test_an_openai_style_plan_gives_resets_as_durations(resets_in, duration):
    standing = Standing("tokens", 30, 100, NOW + resets_in)
    headers = limit_headers(Plan(), Style.OPENAI, [FIVE, standing], NOW)

    assert headers == {
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "70",
        "x-ratelimit-reset-tokens": duration,
    }


@pytest.mark.parametrize(("style", "standings"), [(Style.NONE, [FIVE]), (Style.UNIFIED, [])])
def test_a_plan_may_say_nothing(style, standings):
    assert limit_headers(Plan(), style, standings, NOW) == {}

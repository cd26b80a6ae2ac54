import pytest

from proxy.core.dialect import Dialect
from proxy.core.quota import Allowance, Limit
from proxy.core.rate_headers import limit_headers

NOW = 1_789_990_000.0
ALL = (
    Allowance(Limit.REQUESTS, 60, 9, 0.5),
    Allowance(Limit.CONCURRENCY, 8, 7),
    Allowance(Limit.TOKENS, 5_000_000, 4_999_000, 3_600.2),
)


def headers(allowances, dialect=Dialect.MESSAGES):
    told = limit_headers(allowances, dialect, NOW)
    return {name.decode(): value.decode() for name, value in told}


def test_a_client_without_limits_is_told_of_none():
    assert limit_headers((), Dialect.CHAT, NOW) == ()


def test_the_structured_fields_name_every_limit_in_every_dialect():
    for dialect in Dialect:
        told = headers(ALL, dialect)

        assert told["ratelimit-policy"] == (
            '"requests";q=60;w=60, "concurrency";q=8;qu="concurrent-requests", '
            '"tokens";q=5000000;w=86400;qu="tokens"'
        )
        assert told["ratelimit"] == (
            '"requests";r=9;t=1, "concurrency";r=7, "tokens";r=4999000;t=3601'
        )


def test_anthropics_sdk_reads_requests_and_tokens():
    told = headers(ALL)

    assert {name: value for name, value in told.items() if name.startswith("anthropic-")} == {
        "anthropic-ratelimit-requests-limit": "60",
        "anthropic-ratelimit-requests-remaining": "9",
        "anthropic-ratelimit-requests-reset": "2026-09-21T11:26:41Z",
        "anthropic-ratelimit-tokens-limit": "5000000",
        "anthropic-ratelimit-tokens-remaining": "4999000",
        "anthropic-ratelimit-tokens-reset": "2026-09-21T12:26:41Z",
    }


@pytest.mark.parametrize("dialect", [Dialect.CHAT, Dialect.RESPONSES])
def test_openais_sdks_read_durations(dialect):
    told = headers(ALL, dialect)

    assert {name: value for name, value in told.items() if name.startswith("x-")} == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "0.500s",
        "x-ratelimit-limit-tokens": "5000000",
        "x-ratelimit-remaining-tokens": "4999000",
        "x-ratelimit-reset-tokens": "3600.200s",
    }


@pytest.mark.parametrize(
    ("pace", "policy"),
    [(90.5, "q=90;w=60"), (1, "q=1;w=60"), (0.5, "q=1;w=120"), (1 / 60, "q=1;w=3600")],
)
def test_a_slow_pace_is_one_request_in_a_longer_window(pace, policy):
    told = headers((Allowance(Limit.REQUESTS, pace, 0, 1),))

    assert told["ratelimit-policy"] == f'"requests";{policy}'

import msgspec
import pytest

from proxy.core.account import ANY_MODEL, ModelFamily, Window
from proxy.core.cooldown import BackoffPolicy, Cooldown, Reason
from proxy.core.probe import (
    Login,
    Probe,
    ReportedSlots,
    read_probe,
    reported_rests,
    reported_windows,
)

NOW = 1_000_000.0
OPUS, SONNET = ModelFamily("opus"), ModelFamily("sonnet")


def rests(**limit):
    body = msgspec.json.encode({"ready": True, "limit": limit})
    return reported_rests(read_probe(body), NOW, BackoffPolicy())


def test_a_state_is_read_with_what_it_has_and_without_what_we_do_not_know():
    short = read_probe(b'{"ready": false}')
    full = read_probe(
        b'{"ready": true, "login": {"ok": true}, "reason": null, "slots": {"max": 6}}'
    )

    assert short == Probe(ready=False)
    assert full == Probe(ready=True, login=Login(ok=True), slots=ReportedSlots(6))


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"ready": 1}', b"\xff", b"{" * 2000])
def test_what_is_no_state_is_an_error(body):
    with pytest.raises((msgspec.MsgspecError, RecursionError)):
        read_probe(body)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (
            {"kind": "quota", "scope": "account", "until": NOW + 60},
            {ANY_MODEL: Cooldown(NOW + 60, Reason.QUOTA)},
        ),
        (
            {
                "kind": "model_limit",
                "scope": "model",
                "until": NOW + 60,
                "models": ["claude-opus-4-1", "sonnet"],
            },
            {family: Cooldown(NOW + 60, Reason.MODEL_LIMIT) for family in (OPUS, SONNET)},
        ),
        # Without an end that makes sense it is a guess, made anew at each probe.
        ({"kind": "quota"}, {ANY_MODEL: Cooldown(NOW + 60, Reason.QUOTA)}),
        ({"kind": "quota", "until": NOW * 1000}, {ANY_MODEL: Cooldown(NOW + 60, Reason.QUOTA)}),
        # A limit that is over is none, even if the worker has not noticed.
        ({"kind": "quota", "until": NOW}, {}),
        ({"kind": "overloaded"}, {}),
        ({"kind": "tomorrow"}, {}),
    ],
)
def test_the_rests_that_a_limit_asks_for(limit, expected):
    assert rests(**limit) == expected


def test_windows_have_a_reset_that_can_be():
    told = [
        {"name": "five_hour", "utilization": 0.5, "resets_at": NOW + 60},
        {"name": "five_hour", "resets_at": NOW + 1e9, "status": "rejected"},
        {"name": "seven_day_opus"},
    ]
    probe = read_probe(msgspec.json.encode({"ready": True, "windows": told}))

    assert reported_windows(probe, NOW) == (
        Window("five_hour", 0.5, NOW + 60),
        Window("five_hour", 0.0, NOW + 60, "rejected"),
        Window("seven_day_opus", 0.0, None, family=OPUS),
    )

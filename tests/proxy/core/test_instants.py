import math
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.instants import date_of, day_of, parse_instant, parse_seconds, rfc_3339

NOW = 1_800_000_000.0
FAR_BACK = datetime(1971, 1, 1)  # noqa: DTZ001
FAR_AHEAD = datetime(2040, 1, 1)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1800000100", NOW + 100),
        ("1800000100.5", NOW + 100.5),
        ("1800000100000", NOW + 100),
        (" 1800000100 ", NOW + 100),
        ("1700000000", 1_700_000_000),
        ("0", NOW),
        ("30", NOW + 30),
        ("2027-01-15T08:00:30Z", NOW + 30),
        ("2027-01-15T08:00:30.25z", NOW + 30.25),
        ("2027-01-15 10:00:30+02:00", NOW + 30),
        ("2027-01-15T02:30:30-05:30", NOW + 30),
        ("2024-02-29T00:00:00Z", 1_709_164_800),
        ("Fri, 15 Jan 2027 08:00:30 GMT", NOW + 30),
        ("1m30s", NOW + 90),
        ("6m0s", NOW + 360),
        ("12ms", NOW + 0.012),
        ("1.5s", NOW + 1.5),
        ("1h2m3s4ms", NOW + 3723.004),
        ("2d", NOW + 172_800),
    ],
)
def test_every_form_of_an_instant_is_read(text, expected):
    assert parse_instant(text, NOW) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "soon",
        "nan",
        "NaN",
        "inf",
        "-5",
        "-1m",
        "1e9",
        "1_000",
        "0x10",
        "\uff11\uff12",
        "9" * 18,
        "9" * 100_000,
        "s",
        "m30",
        "2027-13-01T00:00:00Z",
        "2027-00-10T00:00:00Z",
        "2027-01-32T00:00:00Z",
        "2027-01-15T08:00:30",
        "9999-01-01T00:00:00Z",
        "Fri, 15 Foo 2027 08:00:30 GMT",
        "Fri, 15 Jan 2027 08:00:30 CET",
    ],
)
def test_what_makes_no_sense_is_no_instant(text):
    assert parse_instant(text, NOW) is None


@given(st.datetimes(FAR_BACK, FAR_AHEAD, timezones=st.just(UTC)))
def test_dates_agree_with_the_calendar(moment):
    moment = moment.replace(microsecond=0)

    assert parse_instant(moment.isoformat(), NOW) == moment.timestamp()
    assert parse_instant(format_datetime(moment, usegmt=True), NOW) == moment.timestamp()


@given(st.text(max_size=80) | st.from_regex(r"[0-9a-zA-Z:., +-]{1,40}"))
def test_nothing_at_all_upsets_it(text):
    instant = parse_instant(text, NOW)

    assert instant is None or math.isfinite(instant)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5", 5), ("2.5", 2.5), (" 7 ", 7), ("-1", None), ("1e3", None), ("", None)],
)
def test_plain_seconds_are_read_strictly(text, expected):
    assert parse_seconds(text) == expected


@given(st.integers(-10_000, 100_000))
def test_dates_and_days_are_each_others_inverse(day):
    written = date_of(day)

    assert written == (date(1970, 1, 1) + timedelta(days=day)).isoformat()
    assert day_of(written) == day


@pytest.mark.parametrize("text", ["", "2026-02-30", "2026-13-01", "2026-1-1", "26-01-01", "today"])
def test_what_is_no_date_is_none(text):
    assert day_of(text) is None


@pytest.mark.parametrize(
    ("instant", "written"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_789_990_000, "2026-09-21T11:26:40Z"),
        (1_789_990_000.01, "2026-09-21T11:26:40Z"),
        (1_789_990_000.2, "2026-09-21T11:26:41Z"),
        (1_709_251_199, "2024-02-29T23:59:59Z"),
    ],
)
def test_an_instant_is_written_to_the_second(instant, written):
    assert rfc_3339(instant) == written
    assert parse_instant(rfc_3339(instant), NOW) == pytest.approx(instant, abs=1)

"""Instants and durations as upstreams write them. Nothing here raises, whatever it is given."""

import re
from math import ceil
from typing import Final

DAY: Final = 86_400.0
FARTHEST: Final = 10_000 * DAY
"""Years beyond any reset that anyone means: garbage (seconds)."""

LONGEST: Final = 64
"""No instant takes more characters than this."""

MILLISECONDS_FROM: Final = 1e11
SECONDS_FROM: Final = 1e9
"""A bare number is epoch milliseconds, epoch seconds, or else seconds from now."""

MONTHS: Final = range(1, 13)
DAYS: Final = range(1, 32)
_HARDLY_PAST: Final = 0.1
_FROM_JANUARY: Final = 10
"""Years begin on 1 March here: leap days come last."""

_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{0,18})?", re.ASCII)
_DURATION = re.compile(
    r"(?:(?P<d>\d{1,6})d)?(?:(?P<h>\d{1,6})h)?(?:(?P<m>\d{1,6})m(?!s))?"
    r"(?:(?P<s>\d{1,9}(?:\.\d{1,9})?)s)?(?:(?P<ms>\d{1,12}(?:\.\d{1,9})?)ms)?",
    re.ASCII,
)
_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d(?:\.\d{1,12})?)(?:[Zz]|([+-]\d\d):(\d\d))",
    re.ASCII,
)
_HTTP_DATE = re.compile(
    r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII
)
_UNITS: Final = {"d": DAY, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_NAMES: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun",
                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # fmt: skip


def parse_instant(text: str, now: float) -> float | None:
    """Epoch seconds of an instant, or None if it makes no sense.

    Takes epoch seconds and milliseconds, RFC 3339, HTTP dates, durations (`1m30s`) and bare
    seconds from now. It may lie in the past.
    """
    text = text.strip()
    if not text or len(text) > LONGEST:
        return None
    instant = _number(text, now)
    if instant is None:
        instant = _rfc_3339(text)
    if instant is None:
        instant = _http_date(text)
    if instant is None:
        instant = _duration(text, now)
    return instant if instant is not None and instant <= now + FARTHEST else None


def parse_seconds(text: str) -> float | None:
    """A plain number of seconds, not negative."""
    text = text.strip()
    return float(text) if len(text) <= LONGEST and _NUMBER.fullmatch(text) else None


def rfc_3339(instant: float) -> str:
    """Write an instant (epoch seconds) in UTC, to the second that it is nearest or comes next."""
    whole = ceil(instant - _HARDLY_PAST)
    of_day = whole % int(DAY)
    time = f"{of_day // 3600:02}:{of_day // 60 % 60:02}:{of_day % 60:02}"
    return f"{date_of(whole // int(DAY))}T{time}Z"


def date_of(day: int) -> str:
    """The date of a day, counted from 1 January 1970, as `2026-11-20`."""
    era, of_era = divmod(day + 719_468, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    number = of_year - (153 * month + 2) // 5 + 1
    new_year = month >= _FROM_JANUARY
    civil = month + 3 - 12 * new_year
    return f"{era * 400 + year + new_year:04}-{civil:02}-{number:02}"


def day_of(date: str) -> int | None:
    """The day, counted from 1 January 1970, of a date such as `2026-11-20`; None if it is none."""
    instant = _rfc_3339(f"{date}T00:00:00Z") if len(date) == len("2026-11-20") else None
    day = None if instant is None else int(instant // DAY)
    return day if day is not None and date_of(day) == date else None


def _number(text: str, now: float) -> float | None:
    number = parse_seconds(text)
    if number is None or number >= MILLISECONDS_FROM:
        return number and number / 1_000
    return number if number >= SECONDS_FROM else now + number


def _duration(text: str, now: float) -> float | None:
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    return now + sum(float(match[unit] or 0) * seconds for unit, seconds in _UNITS.items())


def _rfc_3339(text: str) -> float | None:
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute = (int(match[i]) for i in range(1, 6))
    offset = int(match[7] or 0) * 3_600
    offset += int(match[8] or 0) * (-60 if (match[7] or "").startswith("-") else 60)
    return _epoch((year, month, day), hour * 3_600 + minute * 60 + float(match[6]) - offset)


def _http_date(text: str) -> float | None:
    match = _HTTP_DATE.fullmatch(text)
    if match is None or match[2] not in _NAMES:
        return None
    date = int(match[3]), _NAMES.index(match[2]) + 1, int(match[1])
    return _epoch(date, int(match[4]) * 3_600 + int(match[5]) * 60 + int(match[6]))


def _epoch(date: tuple[int, int, int], seconds: float) -> float | None:
    """Epoch seconds of a civil date and a time of day: days are counted from 1 March."""
    year, month, day = date
    if month not in MONTHS or day not in DAYS:
        return None
    new_year, month = divmod(month + 9, 12)
    era, of_era = divmod(year - 1 + new_year, 400)
    of_year = (153 * month + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return days * DAY + seconds

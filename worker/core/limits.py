"""What the headers of a Messages API say about limits: waits, windows, instants."""

import re
from calendar import timegm
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final

_DAY: Final = 86_400.0
_HORIZON: Final = {"five_hour": _DAY / 4}
_FARTHEST: Final = 8 * _DAY
_NAMES: Final = {"5h": "five_hour", "7d": "seven_day", "7d_oi": "seven_day_overage_included"}
_UNIFIED: Final = "anthropic-ratelimit-unified-"
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d):?(\d\d))"
)
_HTTP_DATE: Final = re.compile(r"\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT")
_DURATION: Final = re.compile(
    r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?"
    r"(?:([\d.]+)s)?(?:([\d.]+)ms)?"
)
_MILLISECONDS_FROM: Final = 1e11
_EPOCH_FROM: Final = 1e9


@dataclass(frozen=True, slots=True)
class Claim:
    """One window of the unified family, as the provider tells it. `reset` is epoch seconds."""

    name: str
    status: str
    reset: float | None
    utilization: float


def parse_instant(text: str, now: float) -> float | None:
    """Read an instant in any of the forms in use (epoch s or ms, dates, durations), else None."""
    text = text.strip()
    number = _number(text)
    if number is not None:
        return _instant_of_number(number, now)
    if found := _RFC3339.fullmatch(text):
        return _instant_of_rfc3339(found)
    if found := _HTTP_DATE.fullmatch(text):
        year, month = int(found[3]), _MONTHS.find(found[2]) // 3 + 1
        return float(timegm((year, month, int(found[1]), *map(int, found.group(4, 5, 6)))))
    if text and (found := _DURATION.fullmatch(text)):
        return now + _seconds_of_duration(found)
    return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """How many seconds the provider asks to wait; nothing that is past, absurd or garbage."""
    millis = _number(headers.get("retry-after-ms", ""))
    if millis is not None and 0 <= millis <= _FARTHEST * 1000:
        return millis / 1000
    until = parse_instant(headers.get("retry-after", ""), now)
    return until - now if until is not None and 0 <= until - now <= _FARTHEST else None


def claims(headers: Mapping[str, str], now: float) -> tuple[Claim, ...]:
    """The windows of the unified family, the representative one included if it stands alone."""
    found = [_claim(key, headers, now) for key in _window_keys(headers)]
    lone = headers.get(_UNIFIED + "representative-claim")
    if lone and _UNIFIED + "status" in headers and all(claim.name != lone for claim in found):
        reset = parse_instant(headers.get(_UNIFIED + "reset", ""), now)
        found.append(Claim(lone, headers[_UNIFIED + "status"], reset, 0.0))
    return tuple(found)


def spent_until(headers: Mapping[str, str], now: float) -> float | None:
    """When the last of the per-minute budgets that stand at zero fills again."""
    resets = [
        parse_instant(headers.get(name.replace("remaining", "reset", 1), ""), now)
        for name, left in headers.items()
        if "ratelimit" in name and "remaining" in name and _number(left) == 0
    ]
    return max((reset for reset in resets if reset and reset > now), default=None)


def sane_reset(window: str, reset: float | None, now: float) -> float | None:
    """A window's reset, unless it is past or farther ahead than such a window can reach."""
    if reset is None or not now < reset <= now + _HORIZON.get(window, _FARTHEST):
        return None
    return reset


def _window_keys(headers: Mapping[str, str]) -> Iterator[str]:
    for name in headers:
        key, _, field = name.removeprefix(_UNIFIED).rpartition("-")
        if name.startswith(_UNIFIED) and field == "status" and re.fullmatch(r"\d+[hd]\w*", key):
            yield key


def _claim(key: str, headers: Mapping[str, str], now: float) -> Claim:
    stem = f"{_UNIFIED}{key}-"
    return Claim(
        name=_NAMES.get(key, key),
        status=headers[stem + "status"],
        reset=parse_instant(headers.get(stem + "reset", ""), now),
        utilization=_number(headers.get(stem + "utilization", "")) or 0.0,
    )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _instant_of_number(number: float, now: float) -> float | None:
    if number < 0:
        return None
    if number < _EPOCH_FROM:
        return now + number
    return number / 1000 if number > _MILLISECONDS_FROM else number


def _instant_of_rfc3339(found: re.Match[str]) -> float:
    instant = timegm(tuple(map(int, found.group(1, 2, 3, 4, 5, 6)))) + float(found[7] or 0)
    offset = int(found[9] or 0) * 3600 + int(found[10] or 0) * 60
    return instant + offset if found[8] == "-" else instant - offset


def _seconds_of_duration(found: re.Match[str]) -> float:
    scales = (_DAY, 3600.0, 60.0, 1.0, 0.001)
    parts = zip(found.groups(), scales, strict=True)
    return sum((_number(part or "") or 0.0) * scale for part, scale in parts)

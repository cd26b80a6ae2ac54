"""What the rate-limit headers of an answer say, in all three families."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from proxy.core.account import Window
from proxy.core.instants import DAY, parse_instant, parse_seconds
from proxy.core.models import window_family

FIVE_HOURS: Final = 5 * 3_600.0
SEVEN_DAYS: Final = 7 * DAY

STATUSES: Final = frozenset(
    {
        "allowed",
        "allowed_warning",
        "rejected",
        "throttled",
        "blocked",
        "queueing_hard",
        "payment_required",
    }
)
EXHAUSTED: Final = frozenset({"rejected", "blocked"})
"""The statuses of a window that has nothing left until it resets."""

SPENT: Final = EXHAUSTED | {"payment_required"}

UNIFIED: Final = "anthropic-ratelimit-unified-"
SHORT: Final = {"5h": "five_hour", "7d": "seven_day", "oi": "overage_included"}
"""Long forms of what a header's name abbreviates."""

INSANE_RESET: Final = 60.0
"""Seconds that stand in for a reset that makes no sense."""

_WINDOW = re.compile(re.escape(UNIFIED) + r"(\d+[hd](?:_\w+)?)-(?:status|reset|utilization)")
_COUNTS: Final = (
    ("anthropic-ratelimit-{0}-{1}", ("requests", "tokens", "input-tokens", "output-tokens")),
    ("x-ratelimit-{1}-{0}", ("requests", "tokens")),
)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds an upstream asks to wait; None where it names none that makes sense."""
    milliseconds = parse_seconds(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _sane_wait(milliseconds / 1_000)
    asked = headers.get("retry-after", "")
    seconds = parse_seconds(asked)
    if seconds is None:
        until = parse_instant(asked, now)
        seconds = until and max(0.0, until - now)
    return _sane_wait(seconds)


def _sane_wait(seconds: float | None) -> float | None:
    return seconds if seconds is not None and seconds <= SEVEN_DAYS + DAY else None


def sane_reset(name: str, until: float, now: float) -> float:
    """The reset of a window if it can be one, else a minute from now."""
    farthest = FIVE_HOURS + 3_600 if name == "five_hour" else SEVEN_DAYS + DAY
    return until if now <= until <= now + farthest else now + INSANE_RESET


def windows(headers: Mapping[str, str], now: float) -> tuple[Window, ...]:
    """Every window that the headers speak of."""
    return (*unified(headers, now), *counted(headers, now))


def unified(headers: Mapping[str, str], now: float) -> tuple[Window, ...]:
    """The windows of a login: five hours, seven days, some of them for one model.

    A rejection that no window owns up to is the representative claim's.
    """
    shorts = {match[1]: None for name in headers if (match := _WINDOW.fullmatch(name))}
    found = [_window(headers, UNIFIED + short, long_name(short), now) for short in shorts]
    overall = headers.get(UNIFIED + "status")
    if overall in SPENT and not any(window.status in SPENT for window in found):
        claim = headers.get(UNIFIED + "representative-claim", "unified")
        found.append(_window(headers, UNIFIED.removesuffix("-"), long_name(claim), now))
    return tuple(found)


def _window(headers: Mapping[str, str], prefix: str, name: str, now: float) -> Window:
    told = headers.get(prefix + "-status", "allowed")
    status = told if told in STATUSES else "allowed"
    used = parse_seconds(headers.get(prefix + "-utilization", ""))
    if used is None:
        used = 1.0 if status in EXHAUSTED else 0.0
    reset = parse_instant(headers.get(prefix + "-reset", ""), now)
    resets_at = None if reset is None else sane_reset(name, reset, now)
    return Window(
        name, used, resets_at, status, window_family(name), status != told or resets_at != reset
    )


def long_name(short: str) -> str:
    """`7d_opus` is `seven_day_opus`; long names stay."""
    return "_".join(SHORT.get(part, part) for part in short.split("_"))[:64]


def counted(headers: Mapping[str, str], now: float) -> tuple[Window, ...]:
    """The short windows of a key: requests and tokens a minute, as a limit and what is left."""
    return tuple(_counted(headers, now))


def _counted(headers: Mapping[str, str], now: float) -> Iterator[Window]:
    for pattern, names in _COUNTS:
        for name in names:
            limit, left = (
                parse_seconds(headers.get(pattern.format(name, part), ""))
                for part in ("limit", "remaining")
            )
            if limit and left is not None:
                reset = parse_instant(headers.get(pattern.format(name, "reset"), ""), now)
                resets_at = None if reset is None else sane_reset(name, reset, now)
                yield Window(name, max(0.0, 1 - left / limit), resets_at, odd=resets_at != reset)

"""A client's own limits: requests a minute (GCRA), requests at once, tokens a day, models."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final

import msgspec

from proxy.core.instants import DAY
from proxy.core.models import model_family

MINUTE: Final = 60.0
BURST_SECONDS: Final = 10.0
"""How much of a minute's requests may come at once, in seconds of the allowed pace."""

HARDLY: Final = 1e-4
"""A wait too short to be refused for (seconds): sums of instants are no more exact."""

SOON: Final = 1.0
"""Seconds after which a client at its concurrency limit may try again."""


class Limit(StrEnum):
    """Which of its limits a client has reached."""

    REQUESTS = "requests"
    CONCURRENCY = "concurrency"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """What a client may do; None is no limit. `models` holds families and whole model names.

    `burst` is how many requests may come at once; None allows what the pace brings in 10 seconds.
    """

    concurrency: int | None = None
    requests_per_minute: float | None = None
    tokens_per_day: int | None = None
    models: tuple[str, ...] | None = None
    burst: int | None = None

    @property
    def counted(self) -> bool:
        """Whether requests must be counted to keep them."""
        return not (self.concurrency is self.requests_per_minute is self.tokens_per_day is None)

    @property
    def interval(self) -> float:
        """Seconds between two requests at an even pace."""
        return MINUTE / self.requests_per_minute if self.requests_per_minute else 0.0

    @property
    def tolerance(self) -> float:
        """Seconds that a client may be ahead of an even pace."""
        if self.burst is not None:
            return (self.burst - 1) * self.interval
        return max(0.0, BURST_SECONDS - self.interval)


class Use(msgspec.Struct):
    """What a client has used: of its pace, of its concurrency, and of this day's tokens (UTC).

    `next_at` is when the next request would be due at an even pace.
    """

    next_at: float = 0.0
    out: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of one limit: of `most`, until it is whole again in so many seconds.

    `seconds` is None where that depends on when requests end.
    """

    limit: Limit
    most: float
    left: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The request is counted; so much is left."""

    allowances: tuple[Allowance, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The limit that was reached, and the seconds until it is worth trying again."""

    limit: Limit
    retry_after: float
    allowances: tuple[Allowance, ...]


def reached(use: Use, limits: ClientLimits, now: float) -> Limit | None:
    """The first limit that forbids one more request."""
    if limits.tokens_per_day is not None and use.tokens >= limits.tokens_per_day:
        return Limit.TOKENS
    if limits.concurrency is not None and use.out >= limits.concurrency:
        return Limit.CONCURRENCY
    return Limit.REQUESTS if _early(use, limits, now) > HARDLY else None


def counted(use: Use, limits: ClientLimits, now: float) -> Use:
    """The use after one more request."""
    return Use(max(now, use.next_at) + limits.interval, use.out + 1, use.tokens)


def told(limit: Limit | None, use: Use, limits: ClientLimits, now: float) -> Admitted | Refused:
    """What the client hears of a request that was counted, or (for a limit) was not."""
    left = allowances(use, limits, now)
    match limit:
        case None:
            return Admitted(left)
        case Limit.TOKENS:
            return Refused(limit, DAY - now % DAY, left)
        case Limit.CONCURRENCY:
            return Refused(limit, SOON, left)
        case Limit.REQUESTS:
            return Refused(limit, ceil(1000 * (_early(use, limits, now) - HARDLY / 2)) / 1000, left)


def allowances(use: Use, limits: ClientLimits, now: float) -> tuple[Allowance, ...]:
    """What is left of each limit that the client has."""
    found = []
    if limits.requests_per_minute is not None:
        ahead = max(0.0, use.next_at - now)
        free = limits.tolerance - ahead + limits.interval + HARDLY
        left = max(0, int(free // limits.interval))
        found.append(Allowance(Limit.REQUESTS, limits.requests_per_minute, left, round(ahead, 3)))
    if limits.concurrency is not None:
        left = max(0, limits.concurrency - use.out)
        found.append(Allowance(Limit.CONCURRENCY, limits.concurrency, left))
    if limits.tokens_per_day is not None:
        left = max(0, limits.tokens_per_day - use.tokens)
        rest_of_day = round(DAY - now % DAY, 3)
        found.append(Allowance(Limit.TOKENS, limits.tokens_per_day, left, rest_of_day))
    return tuple(found)


def may_use(limits: ClientLimits, model: str | None) -> bool:
    """Whether the client's key covers the model."""
    return limits.models is None or model in limits.models or model_family(model) in limits.models


def _early(use: Use, limits: ClientLimits, now: float) -> float:
    """Seconds until one more request keeps the pace."""
    return use.next_at - now - limits.tolerance

"""A client's own limits: requests a minute (GCRA), requests at once, tokens a day, models."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.core.instants import DAY
from proxy.core.models import model_family

MINUTE: Final = 60.0
BURST_SECONDS: Final = 10.0
"""How much of a minute's requests may come at once, in seconds of the allowed pace."""


class Limit(StrEnum):
    """Which of its limits a client has reached."""

    REQUESTS = "requests"
    CONCURRENCY = "concurrency"
    TOKENS = "tokens"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """What a client may do; None is no limit. `models` holds families and whole model names."""

    concurrency: int | None = None
    requests_per_minute: float | None = None
    tokens_per_day: int | None = None
    models: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The limit that was reached, and the seconds until it will not be (None: unknown)."""

    limit: Limit
    retry_after: float | None = None


@dataclass(slots=True)
class ClientUse:
    """What a client has done: changed by `commit`, `release` and `spend` alone.

    `next_at` is when the next request would be due at an even pace. Days are UTC.
    """

    next_at: float = 0.0
    in_flight: int = 0
    day: int = 0
    tokens: int = 0

    def check(self, limits: ClientLimits, model: str | None, now: float) -> Refused | None:
        """The first limit that forbids one more request now. Nothing is counted."""
        if not may_use(limits, model):
            return Refused(Limit.MODEL)
        if limits.tokens_per_day is not None and self._today(now) >= limits.tokens_per_day:
            return Refused(Limit.TOKENS, DAY - now % DAY)
        if limits.concurrency is not None and self.in_flight >= limits.concurrency:
            return Refused(Limit.CONCURRENCY)
        early = self.next_at - now - _tolerance(limits)
        return Refused(Limit.REQUESTS, early) if early > 0 else None

    def commit(self, limits: ClientLimits, now: float) -> None:
        """Count a request that `check` let through; `release` must follow."""
        self.in_flight += 1
        self.next_at = max(now, self.next_at) + _interval(limits)

    def release(self) -> None:
        """A request has ended."""
        self.in_flight -= 1

    def spend(self, tokens: int, now: float) -> None:
        """Count tokens against the day."""
        self.tokens = self._today(now) + tokens
        self.day = int(now // DAY)

    def _today(self, now: float) -> int:
        return self.tokens if self.day == int(now // DAY) else 0


def may_use(limits: ClientLimits, model: str | None) -> bool:
    """Whether the client's key covers the model."""
    return limits.models is None or model in limits.models or model_family(model) in limits.models


def _interval(limits: ClientLimits) -> float:
    return MINUTE / limits.requests_per_minute if limits.requests_per_minute else 0.0


def _tolerance(limits: ClientLimits) -> float:
    """How far ahead of an even pace a client may be."""
    return max(0.0, BURST_SECONDS - _interval(limits))

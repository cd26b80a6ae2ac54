"""What an engine remembers of its account between turns."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from worker.core.limits import claims, sane_reset
from worker.core.state import Limit, Window
from worker.core.verdict import Kind, Scope, Verdict

_LASTING: Final = frozenset({Kind.QUOTA, Kind.MODEL_LIMIT, Kind.BILLING, Kind.AUTH})
_UNNAMED: Final = 60.0
"""Seconds until a limit whose end nobody named is put to the test again."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The windows last seen, and the limit seen last with the instant of seeing it."""

    windows: tuple[Window, ...] = ()
    limit: Limit | None = None
    limited_at: float = 0.0

    def answered(self, headers: Mapping[str, str], now: float) -> "Standing":
        """After an answer with these headers (lower-case): keep what they say of windows."""
        windows = windows_of(headers, now)
        return replace(self, windows=windows) if windows else self

    def failed(self, verdict: Verdict, model: str, now: float) -> "Standing":
        """After a failure: keep what lasts beyond the request."""
        if verdict.kind not in _LASTING:
            return self
        until = verdict.until or now + (verdict.retry_after or _UNNAMED)
        models = (model,) if verdict.scope is Scope.MODEL else ()
        limit = Limit(verdict.kind, verdict.scope, until, models)
        return replace(self, limit=limit, limited_at=now)

    def served(self, model: str, begun: float) -> "Standing":
        """After a success of a turn begun at that instant: no older limit of its can stand."""
        limit = self.limit
        if limit is None or begun <= self.limited_at:
            return self
        if limit.scope is Scope.MODEL and model not in limit.models:
            return self
        return replace(self, limit=None)

    def limit_at(self, now: float) -> Limit | None:
        """The limit, while it stands."""
        limit = self.limit
        return limit if limit and limit.until is not None and limit.until > now else None


def windows_of(headers: Mapping[str, str], now: float) -> tuple[Window, ...]:
    """The rate-limit windows that an answer's headers (lower-case) tell of."""
    return tuple(
        Window(
            claim.name, claim.utilization, sane_reset(claim.name, claim.reset, now), claim.status
        )
        for claim in claims(headers, now)
    )

"""Cooldowns: until when an account takes no new requests, and why."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.core.verdict import Kind, Scope, Verdict

SHORTEST: Final = 1.0
"""No pause is shorter, whatever an upstream asks for (seconds)."""


class Reason(StrEnum):
    """Why an account rests, as operators see it."""

    QUOTA = "quota"
    MODEL_LIMIT = "model_limit"
    BILLING = "billing"
    BURST = "burst"
    AUTH = "auth"
    FAILING = "failing"
    NOT_READY = "not_ready"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True)
class Cooldown:
    """An account takes no new requests before `until` (epoch seconds, on the store's clock)."""

    until: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """How long accounts rest where nobody says so. Seconds, and failures in a row."""

    burst: float = 5.0
    burst_cap: float = 60.0
    unknown_reset: float = 60.0
    unknown_reset_cap: float = 900.0
    reset_jitter: float = 0.5
    farthest_reset: float = 8 * 86_400.0
    billing: float = 86_400.0
    auth: float = 3_600.0
    failures_to_eject: int = 5
    request_failures_to_eject: int = 20
    ejection: float = 10.0
    ejection_cap: float = 300.0


def cooldown_after(
    verdict: Verdict, streak: int, now: float, policy: BackoffPolicy, fraction: float
) -> Cooldown | None:
    """Decide the rest an account has earned, or one model family on it.

    `streak` counts what went wrong in a row, this included. `fraction` of 0..1 spreads accounts
    that reset in the same second. Failures with scope `request` take far longer to eject: a full
    worker, or a prompt that breaks every worker, is no broken account.
    """
    match verdict.kind:
        case Kind.QUOTA | Kind.MODEL_LIMIT if verdict.scope is not Scope.REQUEST:
            until = _reset(verdict, streak, now, policy) + fraction * policy.reset_jitter
            return Cooldown(until, Reason(verdict.kind))
        case Kind.BURST:
            return Cooldown(now + _pause(verdict, streak, now, policy), Reason.BURST)
        case Kind.BILLING:
            return Cooldown(now + policy.billing, Reason.BILLING)
        case Kind.AUTH:
            return Cooldown(now + policy.auth, Reason.AUTH)
        case Kind.WORKER_ERROR | Kind.TIMEOUT:
            return _ejection(verdict, streak, now, policy)
    return None


def _reset(verdict: Verdict, streak: int, now: float, policy: BackoffPolicy) -> float:
    """The instant a limit ends; a guess that doubles where none is told that makes sense."""
    until = verdict.until
    if until is None and verdict.retry_after is not None:
        until = now + verdict.retry_after
    if until is not None and now < until <= now + policy.farthest_reset:
        return until
    return now + _doubled(policy.unknown_reset, streak, policy.unknown_reset_cap)


def _pause(verdict: Verdict, streak: int, now: float, policy: BackoffPolicy) -> float:
    told = verdict.retry_after
    if told is None and verdict.until is not None:
        told = verdict.until - now
    if told is None:
        return _doubled(policy.burst, streak, policy.burst_cap)
    return min(policy.burst_cap, max(SHORTEST, told))


def _ejection(verdict: Verdict, streak: int, now: float, policy: BackoffPolicy) -> Cooldown | None:
    own = verdict.scope is Scope.ACCOUNT
    past = streak - (policy.failures_to_eject if own else policy.request_failures_to_eject)
    if past < 0:
        return None
    return Cooldown(now + _doubled(policy.ejection, past + 1, policy.ejection_cap), Reason.FAILING)


def _doubled(first: float, times: int, cap: float) -> float:
    """The first delay, then twice as much each time, up to the cap."""
    return min(cap, first * 2.0 ** min(max(times - 1, 0), 32))

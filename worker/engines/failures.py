"""The failures of an exchange with a provider, each with its verdict."""

from collections.abc import Mapping

import msgspec

from worker.core.verdict import Kind, Verdict, status_of, type_of, verdict_of_answer
from worker.engines.base import TurnFailedError

_NEUTRAL = {
    Kind.AUTH: "the provider refuses this worker's login",
    Kind.BILLING: "the provider cannot bill this worker's account",
}
"""What is said instead of the provider's own words."""


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Body(msgspec.Struct):
    error: _Error


def refused(
    status: int, headers: Mapping[str, str], body: bytes, now: float
) -> TurnFailedError | None:
    """The failure that an answer or an event tells of, or None if it tells of none."""
    verdict = verdict_of_answer(status, headers, body, now)
    if verdict.kind is Kind.OK:
        return None
    own_status = status_of(verdict.kind, status)
    error = _error_of(body)
    kind = type_of(own_status) if verdict.kind is Kind.AUTH else error.type or type_of(own_status)
    message = _NEUTRAL.get(verdict.kind) or error.message or f"the provider answered {status}"
    return TurnFailedError(verdict, own_status, kind, message)


def unreachable(message: str) -> TurnFailedError:
    """Nothing was sent: another worker may serve this."""
    return TurnFailedError(Verdict(Kind.WORKER_ERROR), 502, "api_error", message)


def broken(message: str) -> TurnFailedError:
    """The request was sent and the answer is of no use: the turn may have run."""
    return TurnFailedError(Verdict(Kind.WORKER_ERROR, started=True), 502, "api_error", message)


def timed_out(stage: str, *, started: bool) -> TurnFailedError:
    """A stage passed its deadline."""
    verdict = Verdict(Kind.TIMEOUT, started=started)
    return TurnFailedError(verdict, 504, "timeout_error", f"the provider was too slow: {stage}")


def _error_of(body: bytes) -> _Error:
    try:
        return msgspec.json.decode(body, type=_Body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Error()

"""What a failed answer of an OpenAI-style upstream means: by status, code and headers."""

from collections.abc import Mapping
from typing import Final

import msgspec

from worker.core.failure import Failure, failure_of_verdict
from worker.core.verdict import Kind, Scope, Verdict, verdict_of_answer

_UNBILLED: Final = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_user_quota",
    }
)
_LIMITED: Final = frozenset({"rate_limit_exceeded", "tokens", "requests"})
_STATUSES: Final = {
    "content_filter": 400,
    "context_length_exceeded": 400,
    "invalid_prompt": 400,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "rate_limit_exceeded": 429,
}
"""What the code of an error in a stream comes to."""
_ERRORS: Final = range(400, 600)


class _Error(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None


class _Body(msgspec.Struct):
    error: _Error


def failure_of_answer(
    status: int, headers: Mapping[str, str], body: bytes, now: float
) -> Failure | None:
    """The failure that an answer, or an error in a stream, tells of; None if it tells of none.

    The provider's words are passed on where the client has to change its request, and only there:
    others name keys and organisations.
    """
    error = _error_of(body)
    told = _status(status, error)
    verdict = _verdict(told, error, headers, body, now)
    if verdict.kind is Kind.OK:
        return None
    words = error.message if error and verdict.kind is Kind.CLIENT_ERROR else None
    return failure_of_verdict(verdict, told, words or "")


def _status(status: int, error: _Error | None) -> int:
    """The status that tells; an error in a stream may have one of its own."""
    if status in _ERRORS or error is None:
        return status
    code = str(error.code)
    if code.isdecimal() and int(code) in _ERRORS:
        return int(code)
    return _STATUSES.get(code, status)


def _verdict(
    status: int, error: _Error | None, headers: Mapping[str, str], body: bytes, now: float
) -> Verdict:
    words = {str(error.code), str(error.type)} if error else set()
    if words & _UNBILLED:
        return Verdict(Kind.BILLING, Scope.ACCOUNT)
    verdict = verdict_of_answer(status, headers, body, now)
    if verdict.kind is Kind.THROTTLED and words & _LIMITED:
        return Verdict(Kind.BURST, Scope.ACCOUNT)
    return verdict


def _error_of(body: bytes) -> _Error | None:
    try:
        return msgspec.json.decode(body, type=_Body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

"""Reads an answer: status, headers and the error's machine-readable words; prose but once."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from proxy.core.account import ANY_MODEL, Window
from proxy.core.instants import DAY, parse_seconds
from proxy.core.limits import EXHAUSTED, counted, retry_after, unified
from proxy.core.verdict import Kind, Scope, Verdict

W = TypeVar("W", bound=StrEnum)

SHORT_WAIT: Final = 60.0
"""A wait up to this is a burst's (seconds); a longer one is a limit that has run out."""

FARTHEST_RESET: Final = 8 * DAY

SUCCESS: Final = range(200, 300)
REFUSED: Final = range(400, 500)
TOO_MANY: Final = 429
NOT_THE_ACCOUNTS: Final = frozenset({*SUCCESS, *REFUSED, 500})
"""Where a failure may be the request's doing; other statuses are of a broken upstream."""

_KIND_OF_CODE: Final = {
    "insufficient_quota": Kind.BILLING,
    "long_context_credits_required": Kind.CLIENT_ERROR,
}
_KIND_OF_STATUS: Final = {
    401: Kind.AUTH,
    402: Kind.BILLING,
    403: Kind.AUTH,
    408: Kind.TIMEOUT,
    504: Kind.TIMEOUT,
    529: Kind.OVERLOADED,
}
_KIND_OF_TYPE: Final = {
    "invalid_request_error": Kind.CLIENT_ERROR,
    "authentication_error": Kind.AUTH,
    "billing_error": Kind.BILLING,
    "permission_error": Kind.AUTH,
    "not_found_error": Kind.CLIENT_ERROR,
    "request_too_large": Kind.CLIENT_ERROR,
    "timeout_error": Kind.TIMEOUT,
    "api_error": Kind.WORKER_ERROR,
    "overloaded_error": Kind.OVERLOADED,
}
_NO_CREDIT: Final = "Your credit balance is too low"
"""How a key without credit is told, and only so: its status and type are those of a bad request.

No message about a request begins like this, so that a client cannot bring it about.
"""
_QUOTA_CODE: Final = "usage_limit_reached"
_LIMIT_WORDS: Final = frozenset({"rate_limit_error", "rate_limit_exceeded", _QUOTA_CODE})
_ACCOUNTS_OWN: Final = frozenset({Kind.QUOTA, Kind.BILLING, Kind.BURST, Kind.AUTH})
_MAY_HAVE_BEGUN: Final = frozenset({Kind.OK, Kind.WORKER_ERROR, Kind.TIMEOUT})
_BEGUN: Final = {"0": False, "1": True}


class _Details(msgspec.Struct):
    error_code: str | None = None


class _Error(msgspec.Struct):
    type: str | None = None
    message: str | None = None
    code: str | int | None = None
    details: _Details | None = None

    @property
    def word(self) -> str:
        """The most precise word: ours is in the details, OpenAI's beside the type."""
        return (self.details and self.details.error_code) or str(self.code or "")


class _Body(msgspec.Struct):
    type: str | None = None
    code: str | None = None
    error: _Error | str | None = None


_body = msgspec.json.Decoder(_Body)
_NO_ERROR: Final = _Error()


def read_verdict(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Verdict:
    """What an answer means for its account. A worker's own word goes first.

    `headers` are lower-case. `body` is the head of an error's or a whole answer's JSON, or the
    data of the error event that a stream began with.
    """
    told = _told(headers, now)
    if told is not None:
        return told
    error = _error_in(body)
    if status in SUCCESS and error is None:
        return _verdict(Kind.OK, status)
    kind = _kind(status, error or _NO_ERROR)
    if kind is None:
        return _limit(headers, error or _NO_ERROR, now)
    return _verdict(kind, status)


def is_failure(body: bytes) -> bool:
    """The JSON of a whole answer is an error object, whatever its status says."""
    return _error_in(body) is not None


def _told(headers: Mapping[str, str], now: float) -> Verdict | None:
    kind = _member(Kind, headers.get("x-headgate-verdict"))
    if kind is None:
        return None
    until = parse_seconds(headers.get("x-headgate-until", ""))
    return Verdict(
        kind,
        _member(Scope, headers.get("x-headgate-scope")) or _scope(kind),
        until if until is not None and now < until <= now + FARTHEST_RESET else None,
        retry_after(headers, now),
        started=_BEGUN.get(headers.get("x-headgate-started", ""), kind in _MAY_HAVE_BEGUN),
    )


def _error_in(body: bytes) -> _Error | None:
    if b'"error"' not in body:
        return None
    try:
        found = _body.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(found.error, _Error):
        return found.error
    return _Error(code=found.code) if found.error or found.type == "error" else None


def _kind(status: int, error: _Error) -> Kind | None:
    """The kind that code, status and type name, in this order; None for a limit."""
    if (error.message or "").startswith(_NO_CREDIT):
        return Kind.BILLING
    named = _KIND_OF_CODE.get(error.word) or _KIND_OF_STATUS.get(status)
    if named is not None:
        return named
    named = _KIND_OF_TYPE.get(error.type or "")
    refused = status == TOO_MANY and named not in {Kind.OVERLOADED, Kind.BILLING}
    if refused or error.type in _LIMIT_WORDS or error.word in _LIMIT_WORDS:
        return None
    return named or (Kind.CLIENT_ERROR if status in REFUSED else Kind.WORKER_ERROR)


def _limit(headers: Mapping[str, str], error: _Error, now: float) -> Verdict:
    """Tell the limits apart: a window that has run out, too much at once, or no evidence."""
    claimed = unified(headers, now)
    if any(window.status == "payment_required" for window in claimed):
        return Verdict(Kind.BILLING, Scope.ACCOUNT)
    spent = [window for window in claimed if window.status in EXHAUSTED]
    whole = [window for window in spent if window.family == ANY_MODEL]
    wait = retry_after(headers, now)
    if spent:
        kind, scope = (Kind.QUOTA, Scope.ACCOUNT) if whole else (Kind.MODEL_LIMIT, Scope.MODEL)
        return Verdict(kind, scope, _last_reset(whole or spent), wait)
    counts = counted(headers, now)
    if wait is None:
        ends = _last_reset([window for window in counts if window.utilization >= 1])
        wait = ends and ends - now
    if error.word == _QUOTA_CODE or (wait is not None and wait > SHORT_WAIT):
        return Verdict(Kind.QUOTA, Scope.ACCOUNT, None if wait is None else now + wait, wait)
    if claimed or counts or "retry-after" in headers:
        return Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=wait)
    return Verdict(Kind.THROTTLED)


def _last_reset(windows: list[Window]) -> float | None:
    return max((w.resets_at for w in windows if w.resets_at is not None), default=None)


def _verdict(kind: Kind, status: int) -> Verdict:
    started = kind in _MAY_HAVE_BEGUN
    broken = kind is not Kind.OK and started and status not in NOT_THE_ACCOUNTS
    return Verdict(kind, Scope.ACCOUNT if broken else _scope(kind), started=started)


def _scope(kind: Kind) -> Scope:
    if kind is Kind.MODEL_LIMIT:
        return Scope.MODEL
    return Scope.ACCOUNT if kind in _ACCOUNTS_OWN else Scope.REQUEST


def _member(words: type[W], word: str | None) -> W | None:
    return words(word) if word in list(words) else None

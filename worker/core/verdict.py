"""What an answer means for the account, in the words that the wire uses."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import msgspec

from worker.core.limits import Claim, claims, retry_after, sane_reset, spent_until

_CLIENT_ERRORS: Final = range(400, 500)
_SERVER_ERRORS: Final = range(500, 600)
_LONGEST_BURST: Final = 600.0
"""Seconds."""
_REFUSING: Final = frozenset({"rejected", "blocked", "throttled", "queueing_hard"})
_STATUS_OF_TYPE: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TYPE_OF_STATUS: Final = {status: name for name, status in _STATUS_OF_TYPE.items()}
_TELLING: Final = ("billing_error", "overloaded_error")
"""Types that outweigh the status they come with."""
_LIMIT: Final = (HTTPStatus.TOO_MANY_REQUESTS,)
_PASSED_ON: Final = (500, 503)


class Kind(StrEnum):
    """One word for everything a provider can say."""

    OK = "ok"
    QUOTA = "quota"
    MODEL_LIMIT = "model_limit"
    BILLING = "billing"
    BURST = "burst"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    AUTH = "auth"
    CLIENT_ERROR = "client_error"
    WORKER_ERROR = "worker_error"
    TIMEOUT = "timeout"
    ABORTED = "aborted"


_STATUS_OF_KIND: Final = {
    Kind.QUOTA: 429,
    Kind.MODEL_LIMIT: 429,
    Kind.BILLING: 402,
    Kind.BURST: 429,
    Kind.THROTTLED: 429,
    Kind.OVERLOADED: 529,
    Kind.AUTH: 401,
    Kind.CLIENT_ERROR: 400,
    Kind.WORKER_ERROR: 502,
    Kind.TIMEOUT: 504,
    Kind.ABORTED: 502,
}


class Scope(StrEnum):
    """How far a verdict reaches."""

    REQUEST = "request"
    MODEL = "model"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`until` is an instant (epoch s) and `retry_after` seconds, where the provider named them.

    `started` says whether the turn may have begun: if so it must not be sent again.
    """

    kind: Kind
    scope: Scope = Scope.REQUEST
    until: float | None = None
    retry_after: float | None = None
    started: bool = False


_SPEAKING: Final = (Kind.CLIENT_ERROR, Kind.WORKER_ERROR)
_REFUSALS: Final = {
    401: Verdict(Kind.AUTH, Scope.ACCOUNT),
    402: Verdict(Kind.BILLING, Scope.ACCOUNT),
    403: Verdict(Kind.AUTH, Scope.ACCOUNT),
    529: Verdict(Kind.OVERLOADED),
}


def status_of(kind: Kind, provider: int | None = None) -> int:
    """The status a worker answers with; `provider` is the provider's own, where it gave one."""
    own = _STATUS_OF_KIND[kind]
    if provider is None or provider in _LIMIT:
        return own
    passed = _CLIENT_ERRORS if kind is Kind.CLIENT_ERROR else _PASSED_ON
    return provider if kind in _SPEAKING and provider in passed else own


def type_of(status: int) -> str:
    """The API's error type that goes with a status."""
    fallback = "invalid_request_error" if status in _CLIENT_ERRORS else "api_error"
    return _TYPE_OF_STATUS.get(status, fallback)


class _Details(msgspec.Struct):
    error_code: str | None = None


class _Error(msgspec.Struct):
    type: str = ""
    details: _Details | None = None


class _ErrorBody(msgspec.Struct):
    type: str = ""
    error: _Error | None = None


def verdict_of_answer(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Verdict:
    """Judge an answer by status, error type and headers (lower-case), never by prose.

    `body` is a JSON error body, or the data of a stream's first event. A 200 that holds an error
    object is the failure it tells.
    """
    error = _error_of(body)
    code = error.details.error_code if error.details else None
    if status < _CLIENT_ERRORS.start or error.type in _TELLING:
        status = _STATUS_OF_TYPE.get(error.type, 500) if error.type else status
    if code and "credit_balance" in code:
        status = HTTPStatus.PAYMENT_REQUIRED
    if status in _LIMIT:
        return _limited(headers, code, now)
    return replace(plain_verdict(status), retry_after=retry_after(headers, now))


def plain_verdict(status: int) -> Verdict:
    """Judge a status that is no limit, 429 aside.

    A server's error does not say that nothing ran: it counts as started and is not sent again.
    """
    if status in _REFUSALS:
        return _REFUSALS[status]
    if status in _CLIENT_ERRORS:
        return Verdict(Kind.CLIENT_ERROR)
    if status in _SERVER_ERRORS:
        return Verdict(Kind.WORKER_ERROR, started=True)
    return Verdict(Kind.OK)


def _error_of(body: bytes) -> _Error:
    try:
        found = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Error()
    return found.error or _Error() if found.type in ("error", "") else _Error()


def _limited(headers: Mapping[str, str], code: str | None, now: float) -> Verdict:
    if code == "long_context_credits_required":
        return Verdict(Kind.CLIENT_ERROR)
    windows = claims(headers, now)
    if any(claim.status == "payment_required" for claim in windows):
        return Verdict(Kind.BILLING, Scope.ACCOUNT)
    wait = retry_after(headers, now)
    refusing = [claim for claim in windows if claim.status in _REFUSING]
    if refusing:
        return _rejected(refusing, wait, now)
    if wait is None and (refilled := spent_until(headers, now)) is not None:
        wait = refilled - now
    if wait is not None:
        return told_to_wait(wait, now)
    return Verdict(Kind.BURST, Scope.ACCOUNT) if windows else Verdict(Kind.THROTTLED)


def told_to_wait(seconds: float, now: float) -> Verdict:
    """Judge a wait without any window: what takes this long is no burst, but a quota."""
    if seconds > _LONGEST_BURST:
        return Verdict(Kind.QUOTA, Scope.ACCOUNT, until=now + seconds, retry_after=seconds)
    return Verdict(Kind.BURST, Scope.ACCOUNT, retry_after=seconds)


def _rejected(refusing: list[Claim], wait: float | None, now: float) -> Verdict:
    """An account-wide window that refuses outweighs a model's."""
    wide = [claim for claim in refusing if not is_model_window(claim.name)]
    resets = [sane_reset(claim.name, claim.reset, now) for claim in wide or refusing]
    until = max((reset for reset in resets if reset), default=None)
    if wide:
        return Verdict(Kind.QUOTA, Scope.ACCOUNT, until=until, retry_after=wait)
    return Verdict(Kind.MODEL_LIMIT, Scope.MODEL, until=until, retry_after=wait)


def is_model_window(name: str) -> bool:
    """Whether a window counts some models only (`seven_day_opus`) and not the whole account."""
    return name.startswith("seven_day_")

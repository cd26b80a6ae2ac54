"""How a turn failed: from the CLI's own fields to a verdict. Its prose is never evidence."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from worker.core.limits import sane_reset
from worker.core.records import LimitInfo, Result, System
from worker.core.verdict import (
    Kind,
    Scope,
    Verdict,
    is_model_window,
    plain_verdict,
    status_of,
    told_to_wait,
    type_of,
)

_SHORTEST_WAIT: Final = 1.0
"""Seconds; the CLI's own pause before it tries again is shorter, and so is no evidence."""
_UNTOLD: Final = Verdict(Kind.QUOTA, Scope.ACCOUNT, retry_after=61)
"""A key's refusal without notice: the CLI is silent on waits of over a minute, however long."""
_PREFIX: Final = re.compile(r"API Error: (\d{3} )?")
_ACCOUNT_WINDOWS: Final = ("five_hour", "seven_day")
_STATUS_OF_ERROR: Final = {
    "authentication_failed": 401,
    "oauth_org_not_allowed": 403,
    "billing_error": 402,
    "invalid_request": 400,
    "model_not_found": 404,
    "rate_limit": 429,
}
_OUTWEIGHING: Final = ("billing_error", "authentication_failed", "oauth_org_not_allowed")
_TOLD: Final[Mapping[str | int | None, str]] = {
    "prompt_too_long": "prompt is too long",
    "long_context_credits_required": "Long context needs extra usage, which this account has not.",
    404: "The model does not exist, or this account may not use it.",
    413: "The request is larger than the provider takes.",
}
_MESSAGES: Final = {
    Kind.QUOTA: "The account has reached its usage limit.",
    Kind.MODEL_LIMIT: "The account has reached its limit for this model.",
    Kind.BILLING: "The account cannot be billed.",
    Kind.BURST: "Too many requests at once on this account.",
    Kind.THROTTLED: "The provider limits requests.",
    Kind.OVERLOADED: "The provider is overloaded.",
    Kind.AUTH: "The account's login does not work.",
    Kind.WORKER_ERROR: "The provider failed to answer.",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A turn's failure: the verdict, and the answer's status, error type and message."""

    verdict: Verdict
    status: int
    kind: str
    message: str


def broken(message: str, *, started: bool) -> Failure:
    """The CLI or its stream broke."""
    return failure_of_verdict(Verdict(Kind.WORKER_ERROR, started=started), None, message)


def untaken(tools: Collection[str]) -> Failure:
    """The CLI leaves tools of the client's out: an answer that does without them is wrong."""
    told = f"tools: the CLI does not take {', '.join(tools)}"
    return failure_of_verdict(Verdict(Kind.CLIENT_ERROR), HTTPStatus.BAD_REQUEST, told)


def timed_out(stage: str, *, started: bool) -> Failure:
    """A stage of the turn passed its deadline."""
    return failure_of_verdict(Verdict(Kind.TIMEOUT, started=started), None, f"Timed out: {stage}.")


def failure_of_result(
    result: Result, error: str | None, limit: LimitInfo | None, *, begun: bool, now: float
) -> Failure:
    """Judge a turn that ended in an error. `begun` if its message had come to us already."""
    if not result.is_error:
        return broken("The CLI ended the turn without a message.", started=True)
    status = _status(result, error)
    verdict = _verdict(result, status, limit, now)
    if verdict.kind is Kind.CLIENT_ERROR:
        return failure_of_verdict(verdict, status, _told(result, status))
    return failure_of_verdict(replace(verdict, started=verdict.started or begun), status)


def failure_of_retry(notice: System, *, begun: bool, now: float) -> Failure:
    """Judge a provider's refusal that the CLI would try again: we do not wait for that."""
    status = notice.error_status
    wait = notice.retry_delay_ms / 1000
    if status != HTTPStatus.TOO_MANY_REQUESTS:
        verdict = plain_verdict(status) if status else Verdict(Kind.WORKER_ERROR, started=True)
    elif wait > _SHORTEST_WAIT:
        verdict = told_to_wait(wait, now)
    else:
        verdict = Verdict(Kind.THROTTLED)
    return failure_of_verdict(replace(verdict, started=verdict.started or begun), status)


def _status(result: Result, error: str | None) -> int | None:
    """The status that tells most: some refusals come with a status that hides them."""
    named = _STATUS_OF_ERROR.get(error or "")
    if error in _OUTWEIGHING and result.api_error_status not in (401, 403):
        return named
    return result.api_error_status or named


def _told(result: Result, status: int | None) -> str:
    """What the client did wrong, in the provider's words where the CLI passes them on."""
    named = _TOLD.get(result.error_code or "") or _TOLD.get(result.terminal_reason or "")
    return named or _TOLD.get(status) or _PREFIX.sub("", result.result or "", count=1)


def _verdict(result: Result, status: int | None, limit: LimitInfo | None, now: float) -> Verdict:
    if result.error_code == "long_context_credits_required":
        return Verdict(Kind.CLIENT_ERROR)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return limited(limit, now) if limit else _UNTOLD
    if result.api_error_type == "overloaded_error":
        return Verdict(Kind.OVERLOADED)
    if result.terminal_reason == "prompt_too_long":
        return Verdict(Kind.CLIENT_ERROR)
    return plain_verdict(status) if status else Verdict(Kind.WORKER_ERROR, started=True)


def limited(limit: LimitInfo, now: float) -> Verdict:
    """Judge a refused request by its windows: one of the whole account outweighs a model's.

    The named window may be merely the representative one: if it stands at allowed, the request
    came too fast and that is all.
    """
    windows = limit.unified_windows
    spent = {name: windows[name] for name in _ACCOUNT_WINDOWS if name in windows}
    spent = {name: window for name, window in spent.items() if window.status == "rejected"}
    if spent:
        resets = [sane_reset(name, window.resets_at, now) for name, window in spent.items()]
        until = max((reset for reset in resets if reset), default=None)
        return Verdict(Kind.QUOTA, Scope.ACCOUNT, until=until)
    name = limit.rate_limit_type
    if name is None or (name in windows and windows[name].status != "rejected"):
        return Verdict(Kind.BURST, Scope.ACCOUNT)
    until = sane_reset(name, limit.resets_at, now)
    if is_model_window(name):
        return Verdict(Kind.MODEL_LIMIT, Scope.MODEL, until=until)
    return Verdict(Kind.QUOTA, Scope.ACCOUNT, until=until)


def failure_of_verdict(verdict: Verdict, provider: int | None, message: str = "") -> Failure:
    """The failure with that verdict; `provider` is the provider's own status, where it gave one."""
    status = status_of(verdict.kind, provider)
    text = message or _MESSAGES.get(verdict.kind, "The request was refused.")
    return Failure(verdict, status, type_of(status), text)

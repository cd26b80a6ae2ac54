"""Failures as answers: the dialect's envelope and the verdict headers of docs/wire.md."""

import math
import time
from collections.abc import Callable

import msgspec
from aiohttp import web

from worker.api.parts import IN_VAIN, REQUEST_ID, VERDICT
from worker.core.verdict import Kind, Scope, Verdict
from worker.engines.base import TurnFailedError
from worker.errors import ClientGoneError, UnauthorizedError, WorkerError

_OPENAI_PATHS = ("/v1/chat/completions", "/v1/conversations", "/v1/responses")


def verdict_of(error: WorkerError) -> Verdict:
    """What an error means for the account. Only an engine's own failures may have begun a turn."""
    match error:
        case TurnFailedError():
            return error.verdict
        case UnauthorizedError():
            return Verdict(Kind.AUTH, Scope.ACCOUNT)
        case ClientGoneError():
            return Verdict(Kind.ABORTED)
        case WorkerError(status=500 | 503):
            return Verdict(Kind.WORKER_ERROR)
        case _:
            return Verdict(Kind.CLIENT_ERROR)


def success(request: web.Request, told: object) -> web.Response:
    """A JSON answer."""
    return web.Response(
        body=msgspec.json.encode(told), content_type="application/json", headers=identity(request)
    )


def error_response(request: web.Request, error: WorkerError) -> web.Response:
    """The whole answer to a request that failed before its first byte."""
    verdict = verdict_of(error)
    envelope = _envelope(request.path)
    response = web.Response(
        status=error.status,
        body=msgspec.json.encode(envelope(error, request[REQUEST_ID])),
        content_type="application/json",
        headers=identity(request) | _verdict_headers(verdict, time.time()),
    )
    response[VERDICT] = verdict.kind
    return response


def error_event(error: WorkerError) -> bytes:
    """The data of the one `error` event that ends a stream which has begun."""
    return msgspec.json.encode({"type": "error", "error": _told(error)})


def chat_error(error: WorkerError) -> bytes:
    """The same, in the OpenAI dialect."""
    return msgspec.json.encode(_openai(error, ""))


def identity(request: web.Request) -> dict[str, str]:
    """The headers by which an answer is found again, and what of the request it leaves out.

    The SDKs read the shorter one.
    """
    named = {"x-request-id": request[REQUEST_ID], "request-id": request[REQUEST_ID]}
    vain = request.get(IN_VAIN)
    return named | {"x-headgate-ignored": vain} if vain else named


def _told(error: WorkerError) -> dict[str, str]:
    return {"type": error.kind, "message": error.message}


def _envelope(path: str) -> Callable[[WorkerError, str], dict[str, object]]:
    """That of the caller's dialect; models are asked for in both on the same path."""
    if path.startswith("/v1/models"):
        return _either
    return _openai if path.startswith(_OPENAI_PATHS) else _anthropic


def _either(error: WorkerError, request_id: str) -> dict[str, object]:
    return _anthropic(error, request_id) | _openai(error, request_id)


def _anthropic(error: WorkerError, request_id: str) -> dict[str, object]:
    return {"type": "error", "error": _told(error), "request_id": request_id}


def _openai(error: WorkerError, _request_id: str) -> dict[str, object]:
    return {"error": _told(error) | {"param": None, "code": error.code}}


def _verdict_headers(verdict: Verdict, now: float) -> dict[str, str]:
    headers = {
        "x-headgate-verdict": verdict.kind.value,
        "x-headgate-scope": verdict.scope.value,
        "x-headgate-started": "1" if verdict.started else "0",
    }
    if verdict.until is not None:
        headers["x-headgate-until"] = f"{verdict.until:.3f}".rstrip("0").rstrip(".")
    wait = verdict.retry_after
    if wait is None and verdict.until is not None:
        wait = verdict.until - now
    if wait is not None:
        headers["retry-after"] = str(max(0, math.ceil(wait)))
    return headers

"""One place where every request is named, guarded, answered and accounted for."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from traceback import extract_tb
from typing import Final
from uuid import uuid4

import structlog
from aiohttp import web

from worker.api.answers import error_response
from worker.api.guard import OPEN
from worker.api.parts import PARTS, REQUEST_ID, VERDICT
from worker.core.verdict import Kind, Verdict
from worker.engines.base import TurnFailedError
from worker.errors import (
    BadRequestError,
    MethodNotAllowedError,
    NotFoundError,
    TooLargeError,
    WorkerError,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_PRINTABLE: Final = re.compile(r"[!-~]{1,128}")
_QUIET: Final = frozenset({"/state", "/metrics", "/health", "/health/ready", *OPEN})
_log: Final[structlog.stdlib.BoundLogger] = structlog.get_logger("worker")


@web.middleware
async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer one request, whatever happens, and write its access line."""
    named = request.headers.get("x-request-id", "")
    request[REQUEST_ID] = named if _PRINTABLE.fullmatch(named) else uuid4().hex
    loop = asyncio.get_running_loop()
    begun = loop.time()
    status, verdict = 499, Kind.ABORTED
    try:
        response = await _answer(request, handler)
        status, verdict = response.status, response.get(VERDICT, Kind.OK)
    finally:
        _account(request, status, verdict, loop.time() - begun)
    return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        request.app[PARTS].guard.check(request)
        return await handler(request)
    except WorkerError as error:
        return error_response(request, error)
    except web.HTTPException as exc:
        return _routed_nowhere(request, exc)
    except Exception as exc:  # noqa: BLE001
        where = [f"{frame.filename}:{frame.lineno}" for frame in extract_tb(exc.__traceback__)[-3:]]
        _log.error("request broke", error=type(exc).__name__, where=where)
        verdict = Verdict(Kind.WORKER_ERROR, started=True)
        broke = TurnFailedError(verdict, 500, "api_error", "the worker failed to answer this")
        return error_response(request, broke)


def _routed_nowhere(request: web.Request, exc: web.HTTPException) -> web.Response:
    match exc:
        case web.HTTPNotFound():
            return error_response(request, NotFoundError("no such path"))
        case web.HTTPMethodNotAllowed():
            response = error_response(request, MethodNotAllowedError("no such method here"))
            response.headers["allow"] = exc.headers["allow"]
            return response
        case web.HTTPRequestEntityTooLarge():
            return error_response(request, TooLargeError("the body is over the limit"))
        case _:
            return error_response(request, BadRequestError(exc.reason))


def _account(request: web.Request, status: int, verdict: Kind, seconds: float) -> None:
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unknown"
    request.app[PARTS].metrics.request_ended(route, verdict.value, seconds)
    write = _log.debug if route in _QUIET and verdict is Kind.OK else _log.info
    write(
        "request",
        method=request.method,
        route=route,
        status=status,
        verdict=verdict.value,
        seconds=round(seconds, 3),
        request_id=request[REQUEST_ID],
    )

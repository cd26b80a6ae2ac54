"""Requests of clients as turns."""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import web

from worker.api.parts import PARTS, REQUEST_ID
from worker.api.sources import check_sources
from worker.core.thread import opening
from worker.engines.base import Turn
from worker.errors import (
    BadRequestError,
    RequestTimeoutError,
    TooLargeError,
    UnsupportedCodingError,
)

_PASSED: Final = ("anthropic-version", "anthropic-beta")
_SESSION: Final = re.compile(r"[0-9a-f]{32}")
_OBJECT: Final = msgspec.json.Decoder(dict[str, object])


async def read_turn(request: web.Request) -> Turn:
    """Read and check a Messages API request. What only the provider can judge is left to it."""
    raw = await read_body(request)
    return turn_of(request, raw, _object(raw))


def turn_of(request: web.Request, raw: bytes, parsed: Mapping[str, object]) -> Turn:
    """The turn that a Messages API request asks for; `parsed` is what `raw` says."""
    model, messages, stream = (parsed.get(key) for key in ("model", "messages", "stream"))
    if not isinstance(model, str) or not model:
        raise BadRequestError("model: must be a string")
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("messages: must be a list that is not empty")
    if not isinstance(stream, bool | None):
        raise BadRequestError("stream: must be true or false")
    check_sources(messages)
    client = client_of(request)
    session = request.headers.get("x-headgate-session", "")
    return Turn(
        id=request[REQUEST_ID],
        client=client,
        session=session if _SESSION.fullmatch(session) else opening(client, messages),
        model=model,
        stream=bool(stream),
        request=parsed,
        raw=raw,
        headers=_passed(request),
        steps=request.headers.get("x-headgate-steps", "").strip().lower() == "include",
    )


def client_of(request: web.Request) -> str:
    """Whom the proxy speaks for; without a proxy everybody is one client."""
    return request.headers.get("x-headgate-client") or "local"


async def read_body(request: web.Request) -> bytes:
    """The whole body, within the limits of size and time."""
    settings = request.app[PARTS].settings
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedCodingError("the body must not be compressed")
    if (request.content_length or 0) > settings.limits.body:
        raise TooLargeError(f"the body is over {settings.limits.body} bytes")
    try:
        async with asyncio.timeout(settings.timeouts.body):
            return await request.read()
    except TimeoutError as exc:
        raise RequestTimeoutError("the body did not arrive in time") from exc


def _object(raw: bytes) -> dict[str, object]:
    try:
        return _OBJECT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BadRequestError("the body is not a JSON object") from exc


def _passed(request: web.Request) -> dict[str, str]:
    """Repeated headers mean one list."""
    given = ((name, request.headers.getall(name, ())) for name in _PASSED)
    return {name: ",".join(values) for name, values in given if values}

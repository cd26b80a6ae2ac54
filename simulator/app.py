"""The simulated provider's HTTP surface, and how every request is recorded."""

import asyncio
import time

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.admin import admin_routes
from simulator.config import Config
from simulator.errors import ApiError
from simulator.messages import count, messages
from simulator.provider import BODY, PROVIDER, RECORD, Provider
from simulator.records import Record

_LARGEST_BODY = 33_554_432
_KINDS = {404: "not_found_error"}
_RELEASED = "2026-01-01T00:00:00Z"


def make_app(config: Config | None = None) -> web.Application:
    """The application; `app[PROVIDER]` is its state. Serve it with `handler_cancellation=True`."""
    app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_observe])
    app[PROVIDER] = Provider(config or Config(open=True))
    app.add_routes(
        [
            web.post("/v1/messages", messages),
            web.post("/v1/messages/count_tokens", count),
            web.get("/v1/models", _models),
            web.get("/v1/models/{id}", _model),
            web.get("/api/hello", _hello),
            *admin_routes(),
        ]
    )
    return app


@web.middleware
async def _observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Record what came, and answer failures in the provider's envelope."""
    if request.path.startswith("/_sim/"):
        return await _answered(request, handler)
    try:
        request[BODY] = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return _failure(request, ApiError(413, "request_too_large", "Request is too large"))
    records = request.app[PROVIDER].records
    record = request[RECORD] = _record(request)
    records.begin(record)
    try:
        response = await _answered(request, handler)
        record.status = record.status or response.status
    except (asyncio.CancelledError, ConnectionError):
        record.left = True
        raise
    finally:
        records.end(record, time.time())
    return response


def _record(request: web.Request) -> Record:
    return Record(
        method=request.method,
        path=request.rel_url.raw_path,
        query=request.rel_url.raw_query_string,
        headers=tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in request.raw_headers),
        body=request[BODY],
        started_at=time.time(),
    )


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as exc:
        kind = _KINDS.get(exc.status, "invalid_request_error")
        return _failure(request, ApiError(exc.status, kind, exc.reason))
    except ApiError as exc:
        return _failure(request, exc)


def _failure(request: web.Request, error: ApiError) -> web.Response:
    identity = request[RECORD].request_id if RECORD in request else "req_sim"
    response = web.json_response(body=error.body(identity), status=error.status)
    response.headers.update({**error.headers, "request-id": identity})
    return response


async def _models(request: web.Request) -> web.Response:
    models = [_described(name) for name in request.app[PROVIDER].config.models]
    ends = {"first_id": models[0]["id"], "last_id": models[-1]["id"]} if models else {}
    return web.json_response({"data": models, "has_more": False, **ends})


async def _model(request: web.Request) -> web.Response:
    name = request.match_info["id"]
    if name not in request.app[PROVIDER].config.models:
        raise ApiError(404, "not_found_error", f"model: {name}")
    return web.json_response(_described(name))


def _described(name: str) -> dict[str, str]:
    return {"type": "model", "id": name, "display_name": name, "created_at": _RELEASED}


async def _hello(_: web.Request) -> web.Response:
    return web.json_response({"message": "hello"})

"""`POST /v1/messages` and `POST /v1/messages/count_tokens`."""

import msgspec
from aiohttp import web

from worker.api.answers import identity
from worker.api.parts import PARTS
from worker.api.requests import read_turn
from worker.api.turns import Asked, serve_turn
from worker.api.voices import MessagesVoice


async def create(request: web.Request) -> web.StreamResponse:
    """Run a turn."""
    return await serve_turn(request, _read)


async def count_tokens(request: web.Request) -> web.Response:
    """Count a request's input tokens; a header tells an estimate from a count."""
    count = await request.app[PARTS].engine.count_tokens(await read_turn(request))
    estimate = {"x-headgate-estimate": "1"} if count.estimated else {}
    return web.Response(
        body=msgspec.json.encode({"input_tokens": count.input_tokens}),
        content_type="application/json",
        headers=identity(request) | estimate,
    )


async def _read(request: web.Request) -> Asked:
    return Asked(await read_turn(request), MessagesVoice())

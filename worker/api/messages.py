"""`POST /v1/messages` and `POST /v1/messages/count_tokens`."""

import msgspec
from aiohttp import web

from worker.api.answers import identity
from worker.api.delivery import cut_on_failure, deliver
from worker.api.parts import PARTS
from worker.api.requests import read_turn
from worker.api.sse import stream


async def create(request: web.Request) -> web.StreamResponse:
    """Run a turn. Its slot is held from before the body is read until the answer is out."""
    parts = request.app[PARTS]
    with parts.gate.turn():
        turn = await read_turn(request)
        if turn.stream:
            return await stream(request, turn)
        response = web.Response(
            body=await parts.engine.message(turn),
            content_type="application/json",
            headers=identity(request),
        )
        with cut_on_failure(request):
            await deliver(request, response)
        return response


async def count_tokens(request: web.Request) -> web.Response:
    """Count a request's input tokens; a header tells an estimate from a count."""
    count = await request.app[PARTS].engine.count_tokens(await read_turn(request))
    estimate = {"x-headgate-estimate": "1"} if count.estimated else {}
    return web.Response(
        body=msgspec.json.encode({"input_tokens": count.input_tokens}),
        content_type="application/json",
        headers=identity(request) | estimate,
    )

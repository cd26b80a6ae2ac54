"""A turn from its request to the last byte of its answer, in any dialect."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from worker.api.answers import identity
from worker.api.delivery import cut_on_failure, deliver
from worker.api.parts import PARTS
from worker.api.recording import recording
from worker.api.sse import stream
from worker.api.voices import Voice
from worker.engines.base import Turn

Reader = Callable[[web.Request], Awaitable[tuple[Turn, Voice]]]


async def serve_turn(request: web.Request, read: Reader) -> web.StreamResponse:
    """Run a turn. Its slot is held from before the body is read until the answer is out."""
    parts = request.app[PARTS]
    async with parts.gate.turn():
        turn, voice = await read(request)
        with recording(parts, turn, voice) as record:
            turn = await parts.sources.settled(turn)
            if turn.stream:
                return await stream(request, turn, voice, record)
            message = await parts.engine.message(turn)
            record.whole(message)
            response = web.Response(
                body=voice.whole(message),
                content_type="application/json",
                headers=identity(request),
            )
            with cut_on_failure(request):
                await deliver(request, response)
            return response

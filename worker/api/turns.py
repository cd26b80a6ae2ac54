"""A turn from its request to the last byte of its answer, in any dialect."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from aiohttp import web

from worker.api.answers import identity
from worker.api.delivery import cut_on_failure, deliver
from worker.api.parts import IN_VAIN, PARTS
from worker.api.recording import recording
from worker.api.sse import stream
from worker.api.voices import Voice
from worker.core.honour import in_vain_of
from worker.engines.base import Turn
from worker.errors import BadRequestError


class Asked(NamedTuple):
    """A request as it was read. `in_vain` names what its dialect asks and nobody honours."""

    turn: Turn
    voice: Voice
    in_vain: Sequence[str] = ()


Reader = Callable[[web.Request], Awaitable[Asked]]


async def serve_turn(request: web.Request, read: Reader) -> web.StreamResponse:
    """Run a turn. Its slot is held from before the body is read until the answer is out."""
    parts = request.app[PARTS]
    async with parts.gate.turn():
        turn, voice, in_vain = await read(request)
        _admit(request, turn, in_vain)
        with recording(parts, turn, voice) as record:
            turn = replace(await parts.sources.settled(turn), partial=record.partial)
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


def _admit(request: web.Request, turn: Turn, in_vain: Sequence[str]) -> None:
    """Note what is asked in vain; where that must not be, nothing is begun."""
    parts = request.app[PARTS]
    names = ", ".join((*in_vain, *in_vain_of(parts.engine.name, turn.request, turn.headers)))
    if not names:
        return
    request[IN_VAIN] = names
    if parts.settings.strict or request.headers.get("x-headgate-strict") == "1":
        raise BadRequestError(f"not honoured here: {names}")

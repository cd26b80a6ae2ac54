"""Sending an answer: at its pace, and with the flaw it was given."""

import asyncio
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiohttp import web

from simulator.config import Pacing
from simulator.events import Piece, event
from simulator.faults import Flaw, How
from simulator.records import Record

_TERMINAL = "message_stop"
_NO_FLAW = Flaw(How.DRIBBLE, "never")
_ERROR = event("error", {"error": {"type": "overloaded_error", "message": "Overloaded"}})


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer ready to be sent. `total` is about how many pieces it has."""

    headers: Mapping[str, str]
    pieces: Iterable[Piece]
    total: int
    pacing: Pacing
    flaw: Flaw | None = None

    def strikes_before(self, index: int, piece: Piece) -> bool:
        """Whether the flaw shows before this piece."""
        if self.flaw is None or self.flaw.how is How.DRIBBLE:
            return False
        if self.flaw.at == "last":
            return piece.name == _TERMINAL
        places = {"start": 0, "mid": self.total // 2}
        place = places.get(self.flaw.at)
        return index == (int(self.flaw.at) if place is None else place)


async def deliver(request: web.Request, record: Record, delivery: Delivery) -> web.StreamResponse:
    """Send it. The answer that comes back is for aiohttp only: it is sent, or the line is dead."""
    loop = asyncio.get_running_loop()
    due = loop.time() + delivery.pacing.latency
    await _until(due)
    response = web.StreamResponse(headers=delivery.headers)
    record.status = 200
    flaw = delivery.flaw or _NO_FLAW
    if flaw.at == "head":
        return await _spoil(request, response, flaw.how)
    await response.prepare(request)
    for index, piece in enumerate(delivery.pieces):
        if delivery.strikes_before(index, piece):
            return await _spoil(request, response, flaw.how)
        await _until(due)
        await _write(
            response, piece.data, bytewise=delivery.flaw is not None and flaw.how is How.DRIBBLE
        )
        record.events += 1
        due += 1 / delivery.pacing.rate if delivery.pacing.rate else 0
    await response.write_eof()
    return response


async def _until(due: float) -> None:
    loop = asyncio.get_running_loop()
    if (wait := due - loop.time()) > 0:
        await asyncio.sleep(wait)


async def _write(response: web.StreamResponse, payload: bytes, *, bytewise: bool) -> None:
    if not bytewise:
        await response.write(payload)
        return
    for byte in payload:
        await response.write(bytes((byte,)))
        await asyncio.sleep(0)


async def _spoil(
    request: web.Request, response: web.StreamResponse, how: How
) -> web.StreamResponse:
    match how:
        case How.STALL:
            await asyncio.Event().wait()
        case How.END:
            await response.write_eof()
        case How.ERROR:
            await response.write(_ERROR.data)
            await response.write_eof()
        case How.RESET:
            _abort(request, reset=True)
        case _:
            _abort(request, reset=False)
    return response


def _abort(request: web.Request, *, reset: bool) -> None:
    """End the connection as it is; `reset` with an RST instead of a FIN."""
    transport = request.transport
    if transport is None:
        return
    sock: socket.socket | None = transport.get_extra_info("socket")
    if reset and sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()

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
_HEAD = -1


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer ready to be sent. `total` is about how many pieces it has."""

    headers: Mapping[str, str]
    pieces: Iterable[Piece]
    total: int
    pacing: Pacing
    flaw: Flaw | None = None

    @property
    def bytewise(self) -> bool:
        return self.flaw is not None and self.flaw.how is How.DRIBBLE

    def flaw_before(self, index: int, name: str) -> Flaw | None:
        """The flaw, if it shows before this piece."""
        if self.flaw is None or self.bytewise:
            return None
        at = self.flaw.at
        if at == "last":
            return self.flaw if name == _TERMINAL else None
        places = {"head": _HEAD, "start": 0, "mid": self.total // 2}
        return self.flaw if index == (places[at] if at in places else int(at)) else None


async def deliver(request: web.Request, record: Record, delivery: Delivery) -> web.StreamResponse:
    """Send it. What is returned is for aiohttp only: it is sent, or its connection is gone."""
    await asyncio.sleep(delivery.pacing.latency)
    response = web.StreamResponse(headers=delivery.headers)
    if flaw := delivery.flaw_before(_HEAD, ""):
        return await _spoil(request, response, flaw)
    await response.prepare(request)
    record.status = response.status
    due = asyncio.get_running_loop().time()
    for index, piece in enumerate(delivery.pieces):
        if flaw := delivery.flaw_before(index, piece.name):
            return await _spoil(request, response, flaw)
        await _until(due)
        await _send(response, piece.data, bytewise=delivery.bytewise)
        record.events += 1
        due += 1 / delivery.pacing.rate if delivery.pacing.rate else 0
    await response.write_eof()
    return response


async def _until(due: float) -> None:
    if (wait := due - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(wait)


async def _send(response: web.StreamResponse, payload: bytes, *, bytewise: bool) -> None:
    if not bytewise:
        await response.write(payload)
        return
    for byte in payload:
        await response.write(bytes((byte,)))
        await asyncio.sleep(0)


async def _spoil(
    request: web.Request, response: web.StreamResponse, flaw: Flaw
) -> web.StreamResponse:
    match flaw.how:
        case How.STALL:
            await asyncio.Event().wait()
        case How.ERROR:
            fault = {"type": flaw.kind, "message": "A simulated error"}
            await response.write(event("error", {"error": fault}).data)
            await response.write_eof()
        case How.END:
            await response.write_eof()
        case How.CUT | How.RESET:
            _abort(request, reset=flaw.how is How.RESET)
        case How.DRIBBLE:
            pass
    return response


def _abort(request: web.Request, *, reset: bool) -> None:
    """End the connection as it is; `reset` with an RST instead of a FIN."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()

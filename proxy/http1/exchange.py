"""One request and its answer, as a handler sees them."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from proxy.http1.bodies import LAST_CHUNK, chunk
from proxy.http1.messages import Framing, Headers, RequestHead, bodyless
from proxy.http1.render import render_response
from proxy.http1.request_body import RequestBody

JOIN_BELOW: Final = 16_384
"""Pieces so small are copied together; larger ones are handed to the transport side by side."""

Signal = Callable[[], None]


class Line(Protocol):
    """What an exchange asks of the connection it came on."""

    transport: asyncio.Transport
    peer: str
    clock: Callable[[], float]
    """The loop's time."""

    @property
    def closing(self) -> bool:
        """Whether this answer is the connection's last."""

    def await_body(self, *, ask: bool) -> None:
        """Someone waits for the body now; `ask` for it with 100 Continue if nothing came yet."""

    def answered(self, *, keep: bool) -> None:
        """The answer is written: go on to the next request, or hang up politely."""

    def cut(self, *, told: bool) -> None:
        """End in mid-answer; `told` if its framing shows the client that something is missing."""


class Exchange:
    """One request on one client connection.

    Answer it with `respond`, or with `start`, `write` … and `finish`; `cut` where it cannot be
    finished. Nothing here waits or raises once the client has gone: the task is cancelled then.
    `started_at` is the loop's time at the first byte of the head, `bytes_out` counts payload.
    `on_pause` and `on_resume` are called as the client's socket fills and empties; look at
    `paused` when setting them.
    """

    __slots__ = (
        "_body",
        "_close",
        "_drained",
        "_framing",
        "_left",
        "_line",
        "_read",
        "_transport",
        "bytes_out",
        "finished",
        "gone",
        "head",
        "on_pause",
        "on_resume",
        "paused",
        "peer",
        "started",
        "started_at",
        "status",
    )

    def __init__(self, head: RequestHead, body: RequestBody, line: Line, started_at: float) -> None:
        self.head = head
        self.peer = line.peer
        self.started_at = started_at
        self.status = 0
        self.started = False
        self.finished = False
        self.gone = False
        self.paused = False
        self.bytes_out = 0
        self.on_pause: Signal | None = None
        self.on_resume: Signal | None = None
        self._body = body
        self._line = line
        self._transport = line.transport
        self._read = head.framing is Framing.NONE
        self._close = True
        self._framing = Framing.NONE
        self._left = 0
        self._drained: asyncio.Future[None] | None = None

    def elapsed(self) -> float:
        """Seconds since the first byte of the head."""
        return self._line.clock() - self.started_at

    async def read_body(self) -> bytes:
        """The whole payload, once. Raises BadRequestError, TooLargeError or RequestTimeoutError."""
        if not self._body.complete:
            ask = self.head.expect_continue and not self._body.size
            self._line.await_body(ask=ask)
        payload = await self._body.whole()
        self._read = True
        return payload

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """A whole answer at once."""
        if bodyless(self.head.method, status):
            self.start(status, headers, len(body) if self.head.method == "HEAD" else None)
            self.finish()
            return
        head = self._begin(status, headers, Framing.LENGTH, len(body))
        self.bytes_out = len(body)
        if not self.gone:
            self._send(head, body)
        self._end()

    def start(self, status: int, headers: Headers, length: int | None) -> None:
        """Begin a streamed answer. `length` is its payload's size where that is known."""
        if bodyless(self.head.method, status):
            framing = Framing.NONE
        elif length is not None:
            framing = Framing.LENGTH
        else:
            framing = Framing.CHUNKED if self.head.minor else Framing.CLOSE
        head = self._begin(status, headers, framing, length)
        if framing is Framing.LENGTH:
            self._left = length or 0
        if not self.gone:
            self._transport.write(head)

    def write(self, payload: bytes) -> None:
        """Send payload now; framing it is done here. Over a declared length the answer is cut."""
        if not payload or self.finished or self.gone or self._framing is Framing.NONE:
            return
        self.bytes_out += len(payload)
        if self._framing is Framing.CHUNKED:
            self._transport.write(chunk(payload))
            return
        if self._framing is Framing.LENGTH:
            self._left -= len(payload)
            if self._left < 0:
                self.cut()
                return
        self._transport.write(payload)

    def finish(self) -> None:
        """The clean end. An answer that is shorter than declared, or missing, is cut instead."""
        if self._left or not self.started:
            self.cut()
        elif not self.finished:
            if self._framing is Framing.CHUNKED and not self.gone:
                self._transport.write(LAST_CHUNK)
            self._end()

    def cut(self) -> None:
        """End the answer so that the client knows it is not whole: the only honest way left."""
        if self.finished:
            return
        self.finished = True
        self.on_pause = self.on_resume = None
        if not self.gone:
            self._line.cut(told=self.started and self._framing is not Framing.CLOSE)

    async def drained(self) -> None:
        """Wait until the client's socket takes more."""
        while self.paused and not self.gone:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    def pause(self) -> None:
        """The connection's word that the client's socket is full."""
        self.paused = True
        if self.on_pause is not None:
            self.on_pause()

    def resume(self) -> None:
        """The connection's word that there is room again."""
        self.paused = False
        self._wake()
        if self.on_resume is not None:
            self.on_resume()

    def leave(self) -> None:
        """The connection's word that the client has gone."""
        self.gone = True
        self._wake()
        self.on_pause = self.on_resume = None

    def _begin(self, status: int, headers: Headers, framing: Framing, length: int | None) -> bytes:
        """Settle whether the connection stays, and render the head."""
        if self.started:
            raise RuntimeError("an exchange has one answer")
        keep = self._read and self.head.keep_alive and self.head.framing is not Framing.CHUNKED
        self._close = not keep or self._line.closing
        head = render_response(status, headers, framing, length, close=self._close)
        self.started, self.status, self._framing = True, status, framing
        return head

    def _send(self, head: bytes, payload: bytes) -> None:
        if len(payload) < JOIN_BELOW:
            self._transport.write(head + payload)
        else:
            self._transport.writelines((head, payload))

    def _end(self) -> None:
        self.finished = True
        self.on_pause = self.on_resume = None
        if not self.gone:
            self._line.answered(keep=not self._close)

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

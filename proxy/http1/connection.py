"""One client's connection: a request at a time, its deadlines, and the ways to part."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, cast

from proxy.errors import RequestTimeoutError
from proxy.http1.deadlines import NEVER, Sweep
from proxy.http1.exchange import Exchange
from proxy.http1.head_buffer import HeadBuffer
from proxy.http1.heads import render_response
from proxy.http1.messages import Framing, FramingError, Headers, RequestHead
from proxy.http1.request_body import RequestBody
from proxy.http1.settings import HttpLimits, HttpTimeouts

MOST_DROPPED: Final = 1_048_576
"""What a client may still send after its answer before the connection is reset."""

FAULT: Final = FramingError(500, "internal error")
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request refused before any handler saw it; method and target as far as they came."""

    status: int
    message: str
    method: bytes
    target: bytes
    peer: str


Handler = Callable[[Exchange], Awaitable[None]]
Reject = Callable[[Rejection], tuple[Headers, bytes]]


@dataclass(slots=True)
class Service:
    """What the connections of one server share."""

    handler: Handler
    reject: Reject
    limits: HttpLimits
    timeouts: HttpTimeouts
    sweep: Sweep
    tasks: asyncio.TaskGroup
    connections: "set[ClientConnection]" = field(default_factory=set)
    draining: bool = False
    emptied: asyncio.Event = field(default_factory=asyncio.Event)


class Stage(Enum):
    """Where a client's connection is."""

    HEAD = auto()
    """Between requests, or in the middle of a head."""
    EXCHANGE = auto()
    """A request is being read or answered."""
    LINGER = auto()
    """All is said; the client has a moment to read it and hang up."""


class ClientConnection(asyncio.Protocol):
    """The protocol of one client's socket."""

    transport: asyncio.Transport
    peer: str

    def __init__(self, service: Service) -> None:
        self.deadline = NEVER
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._stage = Stage.HEAD
        self._heads = HeadBuffer(service.limits)
        self._exchange: Exchange | None = None
        self._body: RequestBody | None = None
        self._task: asyncio.Task[None] | None = None
        self._since = 0.0
        self._touched = 0.0
        self._unsent = 0
        self._dropped = 0
        self._paused = False
        self._reading = True
        self._patience = service.timeouts.stall

    @property
    def closing(self) -> bool:
        return self._service.draining

    @property
    def busy(self) -> bool:
        """Whether a request is being read or answered."""
        return self._stage is Stage.EXCHANGE

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self.transport = transport
        self.peer = _peer(transport)
        self._service.connections.add(self)
        self._service.emptied.clear()
        self.deadline = self._loop.time() + self._service.timeouts.header
        self._service.sweep.watch(self)

    def data_received(self, data: bytes) -> None:
        match self._stage:
            case Stage.HEAD:
                if not self._heads.held:
                    self._since = self._loop.time()
                self._heads.add(data)
                self._next()
            case Stage.EXCHANGE:
                self._during_exchange(data)
            case Stage.LINGER:
                self._dropped += len(data)
                if self._dropped > MOST_DROPPED:
                    self.transport.abort()

    def eof_received(self) -> bool:
        if self._stage is Stage.EXCHANGE:
            self._client_left()
            self.transport.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._client_left()
        self._service.sweep.forget(self)
        self._service.connections.discard(self)
        if not self._service.connections:
            self._service.emptied.set()

    def pause_writing(self) -> None:
        self._paused = True
        self._touched = self._loop.time()
        self._unsent = self.transport.get_write_buffer_size()
        self.deadline = min(self.deadline, self._touched + self._service.timeouts.linger)
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        self._paused = False
        if self._exchange is not None:
            self._exchange.resume()

    # from the exchange

    def await_body(self, *, ask: bool) -> None:
        self._since = self._touched = self._loop.time()
        self.deadline = min(self.deadline, self._since + self._service.timeouts.body_idle)
        if ask:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._read_on()

    def answered(self, *, keep: bool) -> None:
        self._detach()
        if not keep:
            self._linger(self._service.timeouts.stall)
            return
        self._stage = Stage.HEAD
        now = self._loop.time()
        self.deadline = now + self._service.timeouts.keep_alive
        if self._heads.held:
            self._since = now
            self._next()
        self._read_on()

    def cut(self, *, told: bool) -> None:
        self._detach()
        if told:
            self._linger(self._service.timeouts.linger)
            return
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._stage = Stage.LINGER
        self._patience = self._service.timeouts.linger
        self.deadline = self._loop.time() + self._patience
        self.transport.close()

    # from the server

    def retire(self) -> None:
        """Hang up if no request is under way; the one that is says `Connection: close`."""
        if self._stage is Stage.HEAD and not self._heads.held:
            self._linger(self._service.timeouts.linger)

    def end(self) -> None:
        """Stop at once: the handler is cancelled and what it leaves is cut."""
        if self._task is not None:
            self._task.cancel()
        else:
            self.transport.abort()

    def overdue(self, now: float) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            self._slow_reader(unsent, now)
            return
        match self._stage:
            case Stage.HEAD if self._heads.held:
                self._reject(FramingError(408, "the head took too long"))
            case Stage.HEAD:
                self._linger(self._service.timeouts.linger)
            case Stage.EXCHANGE:
                self._slow_body(now)
            case Stage.LINGER:
                self.transport.abort()

    def _next(self) -> None:
        """Begin the next request if its head is all here."""
        try:
            head = self._heads.take()
            if head is not None:
                self._begin(head)
        except FramingError as exc:
            self._reject(exc)
            return
        if self._stage is Stage.HEAD and self._heads.held:
            self.deadline = self._since + self._service.timeouts.header

    def _begin(self, head: RequestHead) -> None:
        if (head.length or 0) > self._service.limits.body:
            raise FramingError(413, "the body is over the limit")
        body = self._body = RequestBody(head, self._service.limits.body)
        exchange = self._exchange = Exchange(head, body, self, self._since)
        exchange.paused = self._paused
        self._stage = Stage.EXCHANGE
        self.deadline = NEVER
        if not body.complete and self._heads.held:
            self._heads.add(body.feed(self._heads.take_rest()))
        self._task = self._service.tasks.create_task(self._run(exchange))

    async def _run(self, exchange: Exchange) -> None:
        try:
            await self._service.handler(exchange)
        except Exception as exc:  # noqa: BLE001 - one handler's fault must not end the server
            context = {"message": "a request handler failed", "exception": exc}
            self._loop.call_exception_handler(context)
            if not exchange.started:
                exchange.respond(500, *self._worded(FAULT, b"", exchange.head.target))
        finally:
            exchange.cut()

    def _during_exchange(self, data: bytes) -> None:
        body = self._body
        if body is not None and not body.complete:
            self._touched = self._loop.time()
            data = body.feed(data)
            if not body.awaited and body.size > self._service.limits.held:
                self._hold()
        if data:
            self._heads.add(data)
            if len(self._heads.held) > self._service.limits.held:
                self._hold()

    def _hold(self) -> None:
        """Read no more until there is use for it."""
        if self._reading:
            self._reading = False
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if not self._reading and len(self._heads.held) <= self._service.limits.held:
            self._reading = True
            self.transport.resume_reading()

    def _detach(self) -> None:
        self._exchange = self._body = self._task = None

    def _client_left(self) -> None:
        if self._exchange is not None:
            self._exchange.gone = True
            self._exchange.resume()
        if self._task is not None:
            self._task.cancel()
        self._detach()

    def _reject(self, error: FramingError) -> None:
        method, target = self._heads.request_line()
        headers, body = self._worded(error, method, target)
        head = render_response(error.status, headers, Framing.LENGTH, len(body), close=True)
        self.transport.write(head if method == b"HEAD" else head + body)
        self._linger(self._service.timeouts.linger)

    def _worded(self, error: FramingError, method: bytes, target: bytes) -> tuple[Headers, bytes]:
        rejection = Rejection(error.status, error.message, method, target, self.peer)
        return self._service.reject(rejection)

    def _linger(self, patience: float) -> None:
        """Say that no more will come, and give the client a moment to read what was said."""
        self._stage = Stage.LINGER
        self._patience = patience
        self._touched = self._loop.time()
        self.deadline = self._touched + self._service.timeouts.linger
        self._heads.take_rest()
        self._read_on()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _slow_reader(self, unsent: int, now: float) -> None:
        """Bytes wait for the client to take them. As long as some move, it is only slow."""
        if unsent != self._unsent:
            self._unsent, self._touched = unsent, now
        if now - self._touched >= self._patience:
            self.transport.abort()
        else:
            self.deadline = now + self._service.timeouts.linger

    def _slow_body(self, now: float) -> None:
        timeouts = self._service.timeouts
        self.deadline = NEVER
        if self._body is None or not self._body.awaited:
            return
        due = min(self._touched + timeouts.body_idle, self._since + timeouts.body)
        if due <= now:
            self._body.fail(RequestTimeoutError("the body took too long", close=True))
        else:
            self.deadline = due


def _peer(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else ""

"""One client's connection: its requests one after the other, and their deadlines."""

import asyncio
from typing import Final, cast

from proxy.http1.deadlines import NEVER, Outflow
from proxy.http1.exchange import Exchange
from proxy.http1.head_buffer import HeadBuffer
from proxy.http1.messages import Framing, FramingError, RequestHead
from proxy.http1.parting import Parting
from proxy.http1.render import render_response
from proxy.http1.request_body import RequestBody
from proxy.http1.service import Service

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_FAULT: Final = FramingError(500, "Something broke inside.")


class ClientConnection(asyncio.Protocol):
    """The protocol of one client's socket.

    Without an exchange it is between requests, perhaps in the middle of a head. With one it is
    reading or answering that; what comes beyond its body waits for the answer's end. When the
    connection is to be closed, `Parting` takes the socket over.
    """

    transport: asyncio.Transport
    peer: str
    _outflow: Outflow

    def __init__(self, service: Service) -> None:
        self.deadline = NEVER
        self._service = service
        self._loop = asyncio.get_running_loop()
        self.clock = self._loop.time
        self._heads = HeadBuffer(service.limits)
        self._exchange: Exchange | None = None
        self._body: RequestBody | None = None
        self._task: asyncio.Task[None] | None = None
        self._head_since = 0.0
        self._idle_until = NEVER
        self._full = False
        self._held_up = False

    @property
    def closing(self) -> bool:
        return self._service.draining

    @property
    def busy(self) -> bool:
        return self._exchange is not None

    # What the socket does.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if isinstance(name, tuple) else ""
        self._outflow = Outflow(self.transport)
        self.deadline = self._idle_until = self._loop.time() + self._service.timeouts.header
        self._service.opened(self)
        self._service.sweep.watch(self)

    def data_received(self, data: bytes) -> None:
        if self._exchange is not None:
            self._during_exchange(data)
            return
        if not self._heads.held:
            self._head_since = self._loop.time()
        self._heads.add(data)
        self._next()

    def eof_received(self) -> bool:
        if self._exchange is not None:
            self._client_left()
            self.transport.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._client_left()
        self._service.sweep.forget(self)
        self._service.closed(self)

    def pause_writing(self) -> None:
        now = self._loop.time()
        self._full = True
        self._outflow.stuck(now)
        self.deadline = min(self.deadline, now + self._service.timeouts.linger)
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        self._full = False
        if self._exchange is not None:
            self._exchange.resume()
        self._idle_until = self._loop.time() + self._service.timeouts.keep_alive

    # What the exchange asks for.

    def await_body(self, *, ask: bool) -> None:
        self.deadline = min(self.deadline, self._loop.time() + self._service.timeouts.body_idle)
        if ask:
            self.transport.write(_CONTINUE)
        self._read_on()

    def answered(self, *, keep: bool) -> None:
        self._exchange = self._body = self._task = None
        if not keep:
            self._part(self._service.timeouts.stall).say_goodbye()
            return
        now = self._loop.time()
        self.deadline = self._idle_until = now + self._service.timeouts.keep_alive
        if self._heads.held:
            self._head_since = now
            self._next()
        self._read_on()

    def cut(self, *, told: bool) -> None:
        self._exchange = self._body = self._task = None
        parting = self._part(self._service.timeouts.linger)
        if told:
            parting.say_goodbye()
        else:
            parting.reset()

    # What the server asks for.

    def retire(self) -> None:
        if self._exchange is None and not self._heads.held:
            self.transport.close()

    def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
        else:
            self.transport.abort()

    def abort(self) -> None:
        self.transport.abort()

    def overdue(self, now: float) -> None:
        timeouts = self._service.timeouts
        stuck = self._outflow.stuck(now)
        if stuck is not None:
            self.deadline = now + timeouts.linger
            if stuck >= timeouts.stall:
                self.transport.abort()
        elif self._body is not None:
            self.deadline = self._body.check(now, timeouts)
        else:
            self._between_requests(now)

    def _between_requests(self, now: float) -> None:
        begun = bool(self._heads.held)
        timeouts = self._service.timeouts
        self.deadline = self._head_since + timeouts.header if begun else self._idle_until
        if self.deadline > now:
            return
        if begun:
            self._reject(FramingError(408, "The head took too long."))
        else:
            self._part(timeouts.linger).say_goodbye()

    def _next(self) -> None:
        """Begin the next request if its head is all here."""
        try:
            head = self._heads.take()
            if head is not None:
                self._begin(head)
            elif self._heads.held:
                self.deadline = self._head_since + self._service.timeouts.header
        except FramingError as exc:
            self._reject(exc)

    def _begin(self, head: RequestHead) -> None:
        body = self._body = RequestBody(head, self._service.limits.body)
        exchange = self._exchange = Exchange(head, body, self, self._head_since)
        exchange.paused = self._full
        self.deadline = NEVER
        if self._heads.held and not body.complete:
            self._heads.add(body.feed(self._heads.take_rest()))
        self._task = self._service.tasks.create_task(self._run(exchange))

    async def _run(self, exchange: Exchange) -> None:
        try:
            await self._service.handler(exchange)
        except Exception as exc:  # noqa: BLE001 - one handler's fault must not end the server
            context = {"message": "a request handler failed", "exception": exc}
            self._loop.call_exception_handler(context)
            if not exchange.started:
                target = exchange.head.target
                exchange.respond(500, *self._service.word(_FAULT, b"", target, self.peer))
        finally:
            exchange.cut()

    def _during_exchange(self, data: bytes) -> None:
        body, held = self._body, self._service.limits.held
        if body is not None and not body.complete:
            body.touched = self._loop.time()
            data = body.feed(data)
            if body.size > held and not body.awaited:
                self._hold()
        if data:
            self._heads.add(data)
            if len(self._heads.held) > held:
                self._hold()

    def _hold(self) -> None:
        """Read no more until there is use for it."""
        if not self._held_up:
            self._held_up = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if self._held_up and len(self._heads.held) <= self._service.limits.held:
            self._held_up = False
            self.transport.resume_reading()

    def _client_left(self) -> None:
        """Nobody waits for the answer any more: cancel whoever makes it."""
        exchange, task = self._exchange, self._task
        self._exchange = self._body = self._task = None
        if exchange is not None:
            exchange.leave()
        if task is not None:
            task.cancel()

    def _reject(self, error: FramingError) -> None:
        method, target = self._heads.request_line()
        headers, body = self._service.word(error, method, target, self.peer)
        head = render_response(error.status, headers, Framing.LENGTH, len(body), close=True)
        self.transport.write(head if method == b"HEAD" else head + body)
        self._part(self._service.timeouts.linger).say_goodbye()

    def _part(self, patience: float) -> Parting:
        """Hand the socket over for its last moments."""
        self._heads.take_rest()
        self._read_on()
        parting = Parting(self._service, self.transport, patience)
        self._service.sweep.forget(self)
        self._service.closed(self)
        return parting

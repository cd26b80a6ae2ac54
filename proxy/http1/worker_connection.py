"""One connection to a worker: a request at a time, and the answer's way back."""

import asyncio
import select
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

from proxy.errors import ProxyError, StageTimeoutError, WorkerBrokeError
from proxy.http1.answer import Answer
from proxy.http1.deadlines import NEVER, Outflow
from proxy.http1.exchange import JOIN_BELOW
from proxy.http1.heads import FINAL, parse_response_head
from proxy.http1.messages import FramingError
from proxy.http1.settings import UpstreamTimeouts

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_HEAD: Final = 65_536
MOST_INTERIM: Final = 16
"""Answers of 1xx before the real one."""


class WorkerConnection(asyncio.Protocol):
    """The protocol of one socket to a worker. It rests, waits for an answer, or carries one.

    `lost` is called once, as soon as the connection is of no more use.
    """

    transport: asyncio.Transport
    _outflow: Outflow
    _poll: select.poll

    def __init__(
        self, timeouts: UpstreamTimeouts, lost: "Callable[[WorkerConnection], None]"
    ) -> None:
        self.deadline = NEVER
        self._timeouts = timeouts
        self._lost: Callable[[WorkerConnection], None] | None = lost
        self._loop = asyncio.get_running_loop()
        self._answer: Answer | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._method = ""
        self._buffer = b""
        self._interim = 0
        self._since = 0.0

    # What the socket does.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=65_536, low=0)
        self._outflow = Outflow(self.transport)
        self._poll = select.poll()
        sock = transport.get_extra_info("socket")
        self._poll.register(sock.fileno(), _hang_up_events(self.transport))

    def data_received(self, data: bytes) -> None:
        if self._answer is not None:
            self._answer.receive(data)
        elif self._waiter is not None:
            self._buffer += data
            self._read_heads()
        else:
            self.abort()

    def eof_received(self) -> bool:
        self._hung_up(clean=True)
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._hung_up(clean=False)

    def pause_writing(self) -> None:
        self._outflow.stuck(self._loop.time())

    def resume_writing(self) -> None:
        self._since = self._loop.time()

    # What the pool asks for.

    async def request(self, method: str, head: bytes, body: bytes) -> Answer:
        """Send, and wait for the head of the answer. If this raises, `abort`."""
        self._method = method
        self._interim = 0
        self._waiter = self._loop.create_future()
        self._since = self._loop.time()
        self.deadline = self._since + min(self._timeouts.send, self._timeouts.first_byte)
        if len(body) < JOIN_BELOW:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))
        return await self._waiter

    def fresh(self) -> bool:
        """Whether a resting connection is still open, as far as the kernel knows.

        The loop may not have seen the worker's end of file yet; what is sent then is lost.
        """
        self.deadline = NEVER
        return not self.transport.is_closing() and not self._poll.poll(0)

    def rest(self, ttl: float) -> bool:
        """After an answer: whether the connection may wait `ttl` seconds for a next request."""
        answer, self._answer = self._answer, None
        busy = self.transport.is_closing() or self.transport.get_write_buffer_size() > 0
        if busy or answer is None or not answer.reusable:
            return False
        announced = answer.head.get(b"keep-alive")
        self.deadline = self._loop.time() + min(ttl, _keep_alive(announced) if announced else ttl)
        return True

    def abort(self) -> None:
        """Give the connection up at once."""
        if self._answer is not None:
            self._answer.drop()
        self._answer = self._waiter = None
        self.transport.abort()
        self._retire()

    def overdue(self, now: float) -> None:
        if self._answer is not None:
            self._slow_stream(self._answer, now)
        elif self._waiter is not None:
            self._slow_answer(now)
        else:
            self.abort()

    def _read_heads(self) -> None:
        """Find the answer's head behind any interim ones."""
        try:
            while self._waiter is not None and b"\r\n\r\n" in self._buffer:
                raw, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
                self._read_head(raw + b"\r\n\r\n")
        except FramingError as exc:
            self._fail(WorkerBrokeError(f"The worker's answer is malformed. {exc.message}"))
        if len(self._buffer) > MOST_HEAD:
            self._fail(WorkerBrokeError("The head of the worker's answer is too long."))

    def _read_head(self, raw: bytes) -> None:
        head = parse_response_head(raw, self._method)
        if head.status < FINAL:
            self._interim += 1
            if head.status == HTTPStatus.SWITCHING_PROTOCOLS or self._interim > MOST_INTERIM:
                raise FramingError(502, "An interim answer was not asked for.")
            return
        answer = self._answer = Answer(head, self.transport, self._loop)
        self.deadline = answer.touched + self._timeouts.stream_idle
        waiter, self._waiter = self._waiter, None
        data, self._buffer = self._buffer, b""
        if waiter is not None and not waiter.done():
            waiter.set_result(answer)
        if data:
            answer.receive(data)

    def _fail(self, error: ProxyError) -> None:
        """End the wait for a head."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        self.abort()

    def _hung_up(self, *, clean: bool) -> None:
        if self._answer is not None:
            self._answer.end_of_file(clean=clean)
        elif self._waiter is not None:
            self._fail(WorkerBrokeError("The worker hung up without an answer."))
        self._retire()

    def _retire(self) -> None:
        self.deadline = NEVER
        lost, self._lost = self._lost, None
        if lost is not None:
            lost(self)

    def _slow_answer(self, now: float) -> None:
        """No head yet: does the worker not take the request, or think about it?"""
        stuck = self._outflow.stuck(now)
        if stuck is not None:
            self._since = now
            self.deadline = now + self._timeouts.send - stuck
            if self.deadline <= now:
                self._fail(StageTimeoutError("send: The worker does not take the request."))
            return
        self.deadline = self._since + self._timeouts.first_byte
        if self.deadline <= now:
            self._fail(StageTimeoutError("first_byte: The worker does not answer."))

    def _slow_stream(self, answer: Answer, now: float) -> None:
        if answer.stopped or answer.ended:
            answer.touched = now
        self.deadline = answer.touched + self._timeouts.stream_idle
        if self.deadline <= now:
            answer.end(StageTimeoutError("stream_idle: The worker fell silent."))
            self.abort()


def _hang_up_events(transport: asyncio.Transport) -> int:
    """What tells that a resting worker has hung up. TLS may hold bytes that mean nothing."""
    if transport.get_extra_info("ssl_object") is None:
        return select.POLLIN
    return int(getattr(select, "POLLRDHUP", 0))


def _keep_alive(announced: bytes) -> float:
    """How long a worker says it keeps the connection, less a margin for the way there."""
    for item in announced.lower().split(b","):
        name, _, value = item.strip().partition(b"=")
        if name == b"timeout" and value.isdigit():
            seconds = float(value[:9])
            return max(seconds - 1.0, seconds / 2)
    return NEVER

"""One connection to a worker: a request at a time, and the answer's way back."""

import asyncio
import select
from collections.abc import Callable
from typing import Final, cast

from proxy.errors import ProxyError, StageTimeoutError, WorkerBrokeError
from proxy.http1.answer import Answer
from proxy.http1.deadlines import NEVER
from proxy.http1.heads import parse_response_head
from proxy.http1.messages import FramingError
from proxy.http1.settings import UpstreamTimeouts

MOST_HEAD: Final = 65_536
MOST_INTERIM: Final = 16
JOIN_BELOW: Final = 16_384
"""A body so small is sent in one piece with its head."""


class WorkerConnection(asyncio.Protocol):
    """The protocol of one socket to a worker. `lost` is called as soon as it is of no more use."""

    transport: asyncio.Transport

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
        self._unsent = 0
        self._since = 0.0
        self._poll: select.poll | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self.transport = transport
        transport.set_write_buffer_limits(high=65_536, low=0)
        sock = transport.get_extra_info("socket")
        self._poll = select.poll()
        self._poll.register(sock.fileno(), _hang_up_events(transport))

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

    def connection_lost(self, exc: Exception | None) -> None:
        self._hung_up(clean=False)

    def resume_writing(self) -> None:
        self._since = self._loop.time()

    # from the pool

    async def request(self, method: str, head: bytes, body: bytes) -> Answer:
        """Send, and wait for the head of the answer. Whoever asked aborts what raises."""
        self._method = method
        self._interim = 0
        self._waiter = self._loop.create_future()
        self._since = self._loop.time()
        self.deadline = self._since + min(self._timeouts.send, self._timeouts.first_byte)
        if len(body) < JOIN_BELOW:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))
        self._unsent = self.transport.get_write_buffer_size()
        return await self._waiter

    def rest(self, ttl: float) -> bool:
        """After an answer: whether the connection may wait `ttl` seconds for a next request."""
        answer, self._answer = self._answer, None
        unsent = self.transport.get_write_buffer_size()
        if answer is None or not answer.reusable or unsent or self.transport.is_closing():
            return False
        self.deadline = self._loop.time() + min(ttl, _keep_alive(answer, ttl))
        return True

    def fresh(self) -> bool:
        """Whether a resting connection is still open, as far as the kernel knows."""
        self.deadline = NEVER
        return not (self.transport.is_closing() or self._poll is None or self._poll.poll(0))

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
        while self._answer is None:
            end = self._buffer.find(b"\r\n\r\n") + 4
            if end < 4:
                if len(self._buffer) > MOST_HEAD:
                    self._fail(WorkerBrokeError("the worker's answer has too long a head"))
                return
            raw, self._buffer = self._buffer[:end], self._buffer[end:]
            try:
                self._read_head(raw)
            except FramingError as exc:
                self._fail(WorkerBrokeError(f"the worker's answer is malformed: {exc.message}"))
                return

    def _read_head(self, raw: bytes) -> None:
        head = parse_response_head(raw, self._method)
        if head.status < 200:
            self._interim += 1
            if head.status == 101 or self._interim > MOST_INTERIM:
                raise FramingError(502, "an interim answer that was not asked for")
            return
        answer = self._answer = Answer(head, self.transport)
        waiter, self._waiter = self._waiter, None
        self.deadline = answer.touched + self._timeouts.stream_idle
        data, self._buffer = self._buffer, b""
        if waiter is not None and not waiter.done():
            waiter.set_result(answer)
        if data:
            answer.receive(data)

    def _fail(self, error: ProxyError) -> None:
        """End the wait for a head with an error."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        self.transport.abort()
        self._retire()

    def _hung_up(self, *, clean: bool) -> None:
        if self._answer is not None:
            self._answer.end_of_file(clean=clean)
        elif self._waiter is not None:
            self._fail(WorkerBrokeError("the worker hung up without an answer"))
        self._retire()

    def _retire(self) -> None:
        """Leave the pool."""
        self.deadline = NEVER
        lost, self._lost = self._lost, None
        if lost is not None:
            lost(self)

    def _slow_answer(self, now: float) -> None:
        """Still waiting for a head: is it the sending or the worker's thinking?"""
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            if unsent == self._unsent and now - self._since >= self._timeouts.send:
                self._fail(StageTimeoutError("send: the worker does not take the request"))
                return
            if unsent != self._unsent:
                self._unsent, self._since = unsent, now
            self.deadline = self._since + self._timeouts.send
        elif now - self._since >= self._timeouts.first_byte:
            self._fail(StageTimeoutError("first_byte: the worker does not answer"))
        else:
            self.deadline = self._since + self._timeouts.first_byte

    def _slow_stream(self, answer: Answer, now: float) -> None:
        if answer.stopped:
            answer.touched = now
        self.deadline = answer.touched + self._timeouts.stream_idle
        if self.deadline <= now:
            answer.end(StageTimeoutError("stream_idle: the worker fell silent"))
            self.abort()


def _hang_up_events(transport: asyncio.Transport) -> int:
    """What tells that an idle worker has hung up. Under TLS there may be bytes that mean nothing."""
    if transport.get_extra_info("ssl_object") is None:
        return select.POLLIN
    return getattr(select, "POLLRDHUP", 0)


def _keep_alive(answer: Answer, default: float) -> float:
    """How long the worker says it keeps the connection, less a margin for the way."""
    for item in (answer.head.get(b"keep-alive") or b"").lower().split(b","):
        name, _, value = item.strip().partition(b"=")
        if name == b"timeout" and value.isdigit():
            return max(int(value[:9]) - 1.0, int(value[:9]) / 2)
    return default

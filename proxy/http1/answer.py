"""A worker's answer while it arrives."""

import asyncio
from typing import Final, Protocol

from proxy.errors import ProxyError, TruncatedError, WorkerBrokeError
from proxy.http1.bodies import decoder_for
from proxy.http1.messages import FramingError, ResponseHead

MOST_HELD: Final = 65_536
"""Payload kept for a sink that is not there yet; then the worker has to wait."""


class Sink(Protocol):
    """Where an answer's payload goes, as it comes."""

    def feed(self, payload: bytes) -> None:
        """The next piece, never empty."""

    def ended(self, error: ProxyError | None) -> None:
        """Called once, last: None if the framing says that the answer is whole."""


class Answer:
    """The head is here; the payload goes to one sink, or is collected by `body`.

    `ended` turns true with the last byte, or with the error that stands in its place.
    """

    __slots__ = (
        "_crowded",
        "_decoder",
        "_error",
        "_held",
        "_held_size",
        "_loop",
        "_paused",
        "_sink",
        "_surplus",
        "_transport",
        "ended",
        "head",
        "stopped",
        "touched",
    )

    def __init__(
        self, head: ResponseHead, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.head = head
        self.ended = False
        self.stopped = False
        """Whether reading is paused, so that silence is not the worker's."""
        self._loop = loop
        self.touched = self._loop.time()
        self._decoder = decoder_for(head.framing, head.length)
        self._transport = transport
        self._sink: Sink | None = None
        self._held: list[bytes] = []
        self._held_size = 0
        self._crowded = False
        self._paused = False
        self._error: ProxyError | None = None
        self._surplus = False
        if self._decoder.done:
            self.end(None)

    @property
    def reusable(self) -> bool:
        """Whether the connection is clean for a next request."""
        whole = self._decoder.done and self._error is None
        return whole and self.head.keep_alive and not (self._decoder.rest or self._surplus)

    def deliver(self, sink: Sink) -> None:
        """Give `sink` what has come, at once, and then what comes."""
        self._sink = sink
        held, self._held = self._held, []
        self._crowded = False
        self._steer()
        for payload in held:
            sink.feed(payload)
        if self.ended:
            self._sink = None
            sink.ended(self._error)

    async def body(self, limit: int) -> bytes:
        """The whole payload, of at most `limit` bytes. Raises what ended it otherwise."""
        if self.ended and self._error is None and self._held_size <= limit:
            return b"".join(self._held)
        collector = _Collector(self, limit, self._loop.create_future())
        self.deliver(collector)
        return await collector.whole

    def pause(self) -> None:
        """Take no more from the worker for now. Without effect once the answer has ended."""
        self._paused = True
        self._steer()

    def resume(self) -> None:
        """Take more again."""
        self._paused = False
        self._steer()

    def receive(self, data: bytes) -> None:
        """Bytes from the worker's socket."""
        if self.ended:
            self._surplus = True
            return
        self.touched = self._loop.time()
        try:
            payload = self._decoder.feed(data)
        except FramingError as exc:
            self.end(WorkerBrokeError(f"The worker's answer is malformed. {exc.message}"))
            return
        if payload:
            if self._sink is not None:
                self._sink.feed(payload)
            else:
                self._hold(payload)
        if self._decoder.done:
            self.end(None)

    def end_of_file(self, *, clean: bool) -> None:
        """The worker hung up; `clean` if it was not torn down."""
        if clean and self._decoder.ends_at_eof:
            self.end(None)
        else:
            self.end(TruncatedError("The worker's answer ended before its end."))

    def end(self, error: ProxyError | None) -> None:
        """No more comes. Only the first call counts."""
        if self.ended:
            return
        self.ended, self._error = True, error
        self._steer()
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.ended(error)

    def drop(self) -> None:
        """Whoever wanted the answer has gone."""
        self._sink = None
        self.ended = True
        self._held.clear()

    def _hold(self, payload: bytes) -> None:
        self._held.append(payload)
        self._held_size += len(payload)
        self._crowded = self._held_size > MOST_HELD
        self._steer()

    def _steer(self) -> None:
        """Read while there is room on this side and nobody objects; after the end, always."""
        stop = (self._paused or self._crowded) and not self.ended
        if stop is self.stopped:
            return
        self.stopped = stop
        if stop:
            self._transport.pause_reading()
        elif not self._transport.is_closing():
            self.touched = self._loop.time()
            self._transport.resume_reading()


class _Collector:
    """A sink for a small answer that is wanted whole."""

    def __init__(self, answer: Answer, limit: int, whole: asyncio.Future[bytes]) -> None:
        self.whole = whole
        self._answer = answer
        self._left = limit
        self._parts: list[bytes] = []

    def feed(self, payload: bytes) -> None:
        self._left -= len(payload)
        if self._left >= 0:
            self._parts.append(payload)
            return
        error = WorkerBrokeError("The worker's answer is over its limit.")
        self.ended(error)
        self._answer.end(error)

    def ended(self, error: ProxyError | None) -> None:
        if self.whole.done():
            return
        if error is None:
            self.whole.set_result(b"".join(self._parts))
        else:
            self.whole.set_exception(error)

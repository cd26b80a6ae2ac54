"""Carries a long answer to the client piece by piece: a gate first, then every byte as it comes.

The head is held until the answer has shown that it is one, with its first content event. Until
then nothing has reached the client and another try is possible.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from proxy.core.dialect import PING, Dialect, sse_error
from proxy.core.headers import to_client
from proxy.core.usage import Usage
from proxy.errors import NoWorkerError, ProxyError, TruncatedError
from proxy.http1.framing import Headers
from proxy.http1.server import Exchange
from proxy.http1.upstream import Answer

HELD: Final = 65_536
"""The most that a closed gate holds back, in bytes."""


class Manner(msgspec.Struct, frozen=True):
    """How to carry an answer: with which headers of ours, in which dialect.

    `opened` is called as the answer begins to reach the client, `used` once with the tokens that
    it told of, however it ended. `gate` is how long content is
    waited for before the head goes out without it, `ping` the longest silence a client hears, both
    in seconds.
    """

    headers: Headers
    dialect: Dialect
    opened: Callable[[], None]
    used: Callable[[Usage], None]
    gate: float = 10.0
    ping: float = 15.0


class Ending(msgspec.Struct, frozen=True):
    """How an answer ended. `failure` is the upstream's own error, `error` what we found wrong.

    Where the exchange has not started, nothing has reached the client; `content` says that the
    upstream had begun to answer all the same.
    """

    error: ProxyError | None = None
    failure: bytes | None = None
    content: bool = False


class Tap(Protocol):
    """Looks at a stream in passing; `StreamScanner` describes the fields."""

    @property
    def content(self) -> bool: ...
    @property
    def terminal(self) -> bool: ...
    @property
    def between_events(self) -> bool: ...
    @property
    def failure(self) -> bytes | None: ...
    @property
    def usage(self) -> Usage: ...
    def feed(self, payload: bytes) -> None: ...


class BlindTap:
    """Taps a body that is too long to look into: all of it is content, its framing its end."""

    content = True
    terminal = True
    between_events = False
    failure: bytes | None = None
    usage = Usage()

    def feed(self, payload: bytes) -> None:
        pass


class StreamRelay:
    """The sink of one long answer. Nothing is awaited for a piece of it."""

    def __init__(self, exchange: Exchange, answer: Answer, tap: Tap, manner: Manner) -> None:
        self._loop = asyncio.get_running_loop()
        self._exchange = exchange
        self._answer = answer
        self._tap = tap
        self._manner = manner
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._open = False
        self._heard = 0
        self._end: asyncio.Future[ProxyError | None] = self._loop.create_future()

    async def run(self, gathered: Sequence[bytes] = ()) -> Ending:
        """Relay until the end, after what was `gathered`. It is clean only if the answer's was."""
        self._exchange.on_pause, self._exchange.on_resume = self._answer.pause, self._answer.resume
        if self._exchange.paused:
            self._answer.pause()
        self._timer = self._loop.call_later(self._manner.gate, self._tick)
        try:
            for payload in gathered:
                self.feed(payload)
            self._answer.deliver(self)
            error = await self._end
        except asyncio.CancelledError:
            if self._open and not self._exchange.gone:
                self._break_off(NoWorkerError("The proxy is stopping."))
            raise
        finally:
            self._timer.cancel()
            self._manner.used(self._tap.usage)
        return self._conclude(error)

    def feed(self, payload: bytes) -> None:
        """Take a piece of the payload. Called for every piece: nothing here may wait."""
        self._tap.feed(payload)
        if self._open:
            self._exchange.write(payload)
            return
        self._held.append(payload)
        self._held_bytes += len(payload)
        if self._tap.failure is not None:
            self.ended(None)
        elif self._tap.content or self._held_bytes > HELD:
            self._open_gate()

    def ended(self, error: ProxyError | None) -> None:
        """Take the end. None says that the framing ended rightly."""
        if not self._end.done():
            self._end.set_result(error)

    def _open_gate(self) -> None:
        head = self._answer.head
        headers = [*to_client(head.headers), *self._manner.headers]
        length = head.length if isinstance(self._tap, BlindTap) else None
        self._manner.opened()
        self._exchange.start(head.status, headers, length)
        self._open = True
        if self._held:
            self._exchange.write(b"".join(self._held))
            self._held.clear()

    def _tick(self) -> None:
        """Commit to an answer that keeps its client waiting, and break a long silence."""
        if not self._open:
            self._open_gate()
        if self._exchange.bytes_out == self._heard and self._tap.between_events:
            self._exchange.write(PING)
        self._heard = self._exchange.bytes_out
        self._timer = self._loop.call_later(self._manner.ping / 2, self._tick)

    def _conclude(self, error: ProxyError | None) -> Ending:
        tap = self._tap
        if error is None and tap.failure is None and not tap.terminal:
            error = TruncatedError("The answer ended before its end.")
        if error is None and tap.failure is None:
            if not self._open:
                self._open_gate()
            self._exchange.finish()
        elif self._open:
            self._break_off(error)
        return Ending(error, tap.failure, tap.content)

    def _break_off(self, error: ProxyError | None) -> None:
        """Tell the client, unless the upstream did, and cut: never a clean end."""
        told = self._tap.failure is not None or isinstance(self._tap, BlindTap)
        if error is not None and not told:
            self._exchange.write(sse_error(self._manner.dialect, error.kind, error.message))
        self._exchange.cut()

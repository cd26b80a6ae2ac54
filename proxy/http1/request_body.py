"""A request's body on its way in: decoded, bounded, joined once."""

import asyncio
from typing import Final

from proxy.errors import BadRequestError, ProxyError, RequestTimeoutError, TooLargeError
from proxy.http1.bodies import decoder_for
from proxy.http1.deadlines import NEVER
from proxy.http1.messages import FramingError, RequestHead
from proxy.http1.settings import HttpTimeouts

SMALL: Final = 4096


class RequestBody:
    """Collects a body of at most `limit` bytes. `size` is the payload so far.

    `whole` and `feed` may come in any order: the client may be faster than the handler.
    """

    __slots__ = ("_decoder", "_failure", "_limit", "_parts", "_since", "_waiter", "size", "touched")

    def __init__(self, head: RequestHead, limit: int) -> None:
        self._decoder = decoder_for(head.framing, head.length)
        self._limit = limit
        self._parts: list[bytes | bytearray] = []
        self._failure: ProxyError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._since = 0.0
        self.touched = 0.0
        self.size = 0

    @property
    def complete(self) -> bool:
        return self._decoder.done

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for bytes that only the client can send."""
        return self._waiter is not None

    def feed(self, data: bytes) -> bytes:
        """Take what came from the client; the bytes after the body's end are given back."""
        if self._failure is not None:
            return b""
        try:
            payload = self._decoder.feed(data)
        except FramingError as exc:
            self._fail(BadRequestError(exc.message, close=True))
            return b""
        self.size += len(payload)
        if self.size > self._limit:
            self._fail(TooLargeError("The body is too large.", should_retry=False, close=True))
            return b""
        if payload:
            self._keep(payload)
        if not self._decoder.done:
            return b""
        self._wake()
        return self._decoder.rest

    async def whole(self) -> bytes:
        """The payload, once it is all there. Raises what keeps it from coming."""
        if not self._decoder.done and self._failure is None:
            loop = asyncio.get_running_loop()
            self._since = self.touched = loop.time()
            self._waiter = loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._failure is not None:
            raise self._failure
        parts, self._parts = self._parts, []
        first = parts[0] if parts else b""
        return first if len(parts) <= 1 and isinstance(first, bytes) else b"".join(parts)

    def check(self, now: float, timeouts: HttpTimeouts) -> float:
        """Give up a body that is waited for too long; when to check again."""
        if self._waiter is None:
            return NEVER
        due = min(self.touched + timeouts.body_idle, self._since + timeouts.body)
        if due <= now:
            self._fail(RequestTimeoutError("The body took too long.", close=True))
            return NEVER
        return due

    def _keep(self, payload: bytes) -> None:
        """Keep a piece. Small ones share an array, for as objects they would weigh too much."""
        last = self._parts[-1] if self._parts else None
        if last is None or len(payload) > SMALL:
            self._parts.append(payload)
        elif isinstance(last, bytearray):
            last += payload
        else:
            self._parts.append(bytearray(payload))

    def _fail(self, error: ProxyError) -> None:
        self._failure = error
        self._parts.clear()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

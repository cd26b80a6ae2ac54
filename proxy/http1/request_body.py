"""A request's body on its way in: decoded, bounded, joined once."""

import asyncio

from proxy.errors import BadRequestError, ProxyError, TooLargeError
from proxy.http1.bodies import decoder_for
from proxy.http1.messages import FramingError, RequestHead


class RequestBody:
    """Collects a body. `complete` once its end was seen, `failed` once it cannot come any more."""

    __slots__ = ("_decoder", "_failure", "_limit", "_parts", "_waiter", "size")

    def __init__(self, head: RequestHead, limit: int) -> None:
        self._decoder = decoder_for(head.framing, head.length)
        self._limit = limit
        self._parts: list[bytes] = []
        self._failure: ProxyError | None = None
        self._waiter: asyncio.Future[None] | None = None
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
            self.fail(BadRequestError(exc.message, close=True))
            return b""
        self.size += len(payload)
        if self.size > self._limit:
            self.fail(TooLargeError("the body is over the limit", should_retry=False, close=True))
            return b""
        self._parts.append(payload)
        if not self._decoder.done:
            return b""
        self._wake()
        return self._decoder.rest

    def fail(self, error: ProxyError) -> None:
        """Nothing more will come: whoever waits, or asks later, gets `error`."""
        self._failure = error
        self._parts.clear()
        self._wake()

    async def whole(self) -> bytes:
        """The payload, once it is all there."""
        if not self._decoder.done and self._failure is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._failure is not None:
            raise self._failure
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

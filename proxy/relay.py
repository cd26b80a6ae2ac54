"""Carries a worker's answer to the client: a short one whole, a long one as it comes."""

import asyncio
from typing import Final

from proxy.core.evidence import is_failure
from proxy.core.headers import to_client
from proxy.core.sse import StreamScanner
from proxy.core.usage import body_usage
from proxy.errors import ProxyError
from proxy.http1.server import Exchange
from proxy.http1.upstream import Answer
from proxy.stream import BlindTap, Ending, Manner, StreamRelay

WHOLE: Final = 262_144
"""A body of at most this many bytes is read whole before any of it goes out."""


class Gatherer:
    """The sink of an answer that is probably short: gathers to its end, or until it is long."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.whole = False
        self._left = WHOLE
        self._error: ProxyError | None = None
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, payload: bytes) -> None:
        self.pieces.append(payload)
        self._left -= len(payload)
        if self._left < 0:
            self._wake()

    def ended(self, error: ProxyError | None) -> None:
        self.whole, self._error = error is None, error
        self._wake()

    async def settled(self) -> None:
        """Wait for the end or for too much. Raises what broke the answer off."""
        if not (self.whole or self._error or self._left < 0):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def relay(exchange: Exchange, answer: Answer, manner: Manner) -> Ending:
    """Carry a success to the client, whole if it is short, else piece by piece.

    Raises what broke a short answer off: nothing has reached the client then.
    """
    kind = answer.head.get(b"content-type") or b""
    if kind.startswith(b"text/event-stream"):
        return await StreamRelay(exchange, answer, StreamScanner(manner.dialect), manner).run()
    gatherer = Gatherer()
    answer.deliver(gatherer)
    await gatherer.settled()
    if not gatherer.whole:
        return await StreamRelay(exchange, answer, BlindTap(), manner).run(gatherer.pieces)
    return _hand_over(exchange, answer, manner, b"".join(gatherer.pieces))


def _hand_over(exchange: Exchange, answer: Answer, manner: Manner, body: bytes) -> Ending:
    """Answer with a body that is here, unless it says that it is a failure."""
    if is_failure(body):
        return Ending(failure=body)
    manner.opened()
    headers = [*to_client(answer.head.headers), *manner.headers]
    if exchange.head.method == "HEAD":
        exchange.start(answer.head.status, headers, answer.head.length)
        exchange.finish()
    else:
        exchange.respond(answer.head.status, headers, body)
    manner.used(body_usage(body))
    return Ending()

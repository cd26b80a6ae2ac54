"""Bytes on their way to a client: all of them, or a cut that nobody can take for an end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from aiohttp import web

from worker.api.parts import PARTS
from worker.errors import ClientGoneError


@asynccontextmanager
async def patience(request: web.Request) -> AsyncIterator[None]:
    """Bound one wait for the client; raise `ClientGoneError` if it left or takes nothing."""
    try:
        async with asyncio.timeout(request.app[PARTS].settings.timeouts.write):
            yield
    except (TimeoutError, ConnectionError) as exc:
        raise ClientGoneError("the client is gone") from exc


async def deliver(request: web.Request, response: web.StreamResponse) -> None:
    """Send an answer to its end and see it out: only then is its turn over."""
    async with patience(request):
        await response.prepare(request)
        await response.write_eof()
        await _emptied(request)


async def deliver_and_cut(
    request: web.Request, response: web.StreamResponse, last_words: bytes
) -> None:
    """End a stream that failed: what went wrong arrives, the end of the body does not."""
    async with patience(request):
        await response.write(last_words)
        await _emptied(request)
    _cut(request)


@contextmanager
def cut_on_failure(request: web.Request) -> Iterator[None]:
    """Cut if anything at all, cancellation included, gets in the way of a begun answer."""
    with ExitStack() as stack:
        stack.callback(_cut, request)
        yield
        stack.pop_all()


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _emptied(request: web.Request) -> None:
    """Wait until nothing is left in the buffer of the client's connection."""
    transport = request.transport
    if transport is None or transport.is_closing():
        return
    transport.set_write_buffer_limits(high=0)
    await request.writer.drain()
    if not transport.is_closing():
        transport.set_write_buffer_limits()

"""A client, the data plane on either side of a bare relay, and a worker."""

import asyncio
import gc
from contextlib import asynccontextmanager

import pytest

from proxy.http1.answer import Answer
from proxy.http1.framing import render_request
from proxy.http1.server import Exchange
from tests.proxy.http1.raw import get, post
from tests.proxy.http1.rig import Watched, connected, eventually, pause, serving, upstreams, worker

CHUNKED = b"HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n"


class Through:
    """The barest relay: payload as it comes, a cut where the worker broke off."""

    def __init__(self, exchange):
        self.exchange = exchange
        self.over = asyncio.Event()

    def feed(self, payload):
        self.exchange.write(payload)

    def ended(self, error):
        if error is None:
            self.exchange.finish()
        else:
            self.exchange.cut()
        self.over.set()


def relaying(ups, origin):
    async def handler(exchange):
        body = await exchange.read_body()
        host = [(b"host", origin.host_header)]
        head = render_request(exchange.head.method, exchange.head.target, host, len(body))
        async with ups.exchange(origin, head, body) as answer:
            exchange.start(answer.head.status, answer.head.headers, answer.head.length)
            exchange.on_pause, exchange.on_resume = answer.pause, answer.resume
            sink = Through(exchange)
            answer.deliver(sink)
            await sink.over.wait()

    return handler


@asynccontextmanager
async def chain(script):
    """A worker behind the data plane; yields the server and a look at its handlers."""
    async with worker(script) as origin, upstreams() as ups:
        handler = Watched(relaying(ups, origin))
        async with serving(handler) as server:
            yield server, handler, ups


async def request(peer):
    return await peer.line_end()


async def test_an_answer_passes_and_its_framing_and_trailers_stay_behind():
    async def script(peer):
        await request(peer)
        for piece in (CHUNKED, b"3;x=y\r\nabc\r\n2\r", b"\nde\r\n0\r\nx-evil: 1\r\n\r\n"):
            peer.writer.write(piece)
            await pause(0.005)
        await peer.rest()

    async with chain(script) as (server, _, ups), connected(server.port) as client:
        await client.send(get())
        head = await client.line_end()
        body = await client.line_end(b"0\r\n\r\n")

        assert head == b"HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n"
        assert body == b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        await eventually(lambda: ups.idle == 1)


@pytest.mark.parametrize("extra", [b"x", b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"])
async def test_what_a_worker_sends_beyond_its_answer_reaches_no_client(extra):
    async def script(peer):
        while True:
            await request(peer)
            peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok" + extra)

    good = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    async with chain(script) as (server, _, _ups), connected(server.port) as client:
        for _ in range(10):
            await client.send(get() + get())
            assert await client.exactly(2 * len(good)) == 2 * good


@pytest.mark.parametrize(
    "answer",
    [CHUNKED + b"3\r\nabc\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"],
)
async def test_a_broken_answer_never_ends_cleanly(answer):
    async def script(peer):
        await request(peer)
        peer.writer.write(answer)
        await pause(0.01)
        peer.reset()

    async with chain(script) as (server, _, _ups), connected(server.port) as client:
        told = await client.ask(get())

    assert told.endswith((b"3\r\nabc\r\n", b"\r\n\r\nabc"))


@pytest.mark.parametrize("begun", [b"", CHUNKED, CHUNKED + b"3\r\nabc\r\n"])
async def test_a_client_that_leaves_ends_the_workers_turn_within_a_second(begun):
    heard, gone = asyncio.Event(), asyncio.Event()

    async def script(peer):
        await request(peer)
        peer.writer.write(begun)
        heard.set()
        await peer.rest()
        gone.set()

    async with chain(script) as (server, handler, ups):
        async with connected(server.port) as client:
            await client.send(get())
            await heard.wait()
            await pause(0.01)
        async with asyncio.timeout(1):
            await gone.wait()
        await handler.wait()

        assert handler.cancelled
        assert ups.connections == 0


async def test_a_reader_that_stalls_holds_its_worker_back_and_nobody_else():
    taken = []

    async def script(peer):
        await request(peer)
        peer.writer.write(CHUNKED)
        taken.append(0)
        number = len(taken) - 1
        piece = b"3e80\r\n" + b"a" * 16_000 + b"\r\n"
        for _ in range(12_000):
            peer.writer.write(piece)
            await peer.writer.drain()
            taken[number] += 16_000
        peer.writer.write(b"0\r\n\r\n")
        await peer.rest()

    async with chain(script) as (server, _, _ups):
        readers = [connected(server.port, limit=1024) for _ in range(4)]
        async with readers[0] as one, readers[1] as two, readers[2] as three, readers[3] as four:
            for client in (one, two, three, four):
                await client.send(get())
                await client.line_end()
            before = None
            while before != taken:
                before = list(taken)
                await pause(0.1)

            assert len(taken) == 4
            assert max(taken) < 16_777_216


async def test_an_event_of_eight_mebibytes_passes_in_any_pieces():
    event = b"data: " + bytes(range(32, 127)) * 88_301 + "é€😀".encode() + b"\n\n"

    async def script(peer):
        await request(peer)
        peer.writer.write(CHUNKED + b"%x\r\n" % len(event))
        for at in range(0, len(event), 60_013):
            peer.writer.write(event[at : at + 60_013])
        peer.writer.write(b"\r\n0\r\n\r\n")
        await peer.rest()

    async with chain(script) as (server, _, _ups), connected(server.port) as client:
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        await client.line_end()

        assert await client.rest() == event


async def test_a_request_of_many_megabytes_arrives_as_it_was_sent():
    body = bytes(range(256)) * 80_000
    heard = []

    async def script(peer):
        await request(peer)
        heard.append(await peer.exactly(len(body)))
        peer.writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await peer.rest()

    async with chain(script) as (server, _, _ups), connected(server.port) as client:
        await client.send(post(b"Content-Length: %d" % len(body)) + body)
        assert (await client.line_end()).startswith(b"HTTP/1.1 204")

    assert heard == [body]


async def test_a_finished_relay_is_freed_without_the_garbage_collector():
    async def script(peer):
        while True:
            await request(peer)
            peer.writer.write(CHUNKED + b"3\r\nabc\r\n0\r\n\r\n")

    def alive():
        return [it for it in gc.get_objects() if isinstance(it, (Answer, Exchange, Through))]

    gc.collect()
    gc.disable()
    try:
        async with chain(script) as (server, handler, _ups), connected(server.port) as client:
            for _ in range(10):
                await client.send(get())
                await client.line_end(b"0\r\n\r\n")
            handler.exchange = None
            await eventually(lambda: not alive())
    finally:
        gc.enable()

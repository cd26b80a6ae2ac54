import asyncio

import pytest

from tests.proxy.http1.rig import Collected, eventually, pause, upstreams, worker
from tests.proxy.http1.workers import (
    CHUNKED,
    HELLO,
    REQUEST,
    ask,
    hear,
    saying,
)


async def test_a_cancelled_request_ends_its_connection_at_once():
    gone = asyncio.Event()

    async def script(peer):
        await hear(peer)
        await peer.rest()
        gone.set()

    async with worker(script) as origin, upstreams() as ups:
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(ask(ups, origin))
            await eventually(lambda: ups.connections == 1)
            await pause(0.02)
            asking.cancel()
            async with asyncio.timeout(1):
                await gone.wait()

        assert ups.connections == 0


async def test_leaving_in_mid_stream_ends_the_connection_and_silences_the_sink():
    gone = asyncio.Event()

    async def script(peer):
        await hear(peer)
        peer.writer.write(CHUNKED + b"5\r\nhello\r\n")
        await peer.rest()
        gone.set()

    async with worker(script) as origin, upstreams() as ups:
        sink = Collected()
        async with ups.exchange(origin, REQUEST, b"hi") as answer:
            answer.deliver(sink)
            await eventually(lambda: sink.payload == b"hello")
        async with asyncio.timeout(1):
            await gone.wait()

        assert sink.endings == []
        assert ups.connections == 0


async def test_a_sink_gets_first_what_came_before_it_and_then_the_rest():
    async with (
        worker(saying(CHUNKED, b"1\r\na\r\n", b"1\r\nb\r\n", b"1\r\nc\r\n0\r\n\r\n")) as origin,
        upstreams() as ups,
    ):
        for wait in (0, 0.003, 0.02):
            sink = Collected()
            async with ups.exchange(origin, REQUEST, b"hi") as answer:
                await pause(wait)
                answer.deliver(sink)
                assert await sink.end() is None

            assert sink.payload == b"abc"


async def flood(peer):
    """Send as long as the proxy takes it, and count."""
    await hear(peer)
    peer.writer.write(CHUNKED)
    peer.taken = 0
    piece = b"3e80\r\n" + b"a" * 16_000 + b"\r\n"
    while True:
        peer.writer.write(piece)
        await peer.writer.drain()
        peer.taken += 16_000


@pytest.mark.parametrize("sink", [None, Collected])
async def test_a_worker_whose_answer_nobody_takes_has_to_wait(sink):
    peers = []

    async def script(peer):
        peers.append(peer)
        await flood(peer)

    async with worker(script) as origin, upstreams() as ups:
        async with ups.exchange(origin, REQUEST, b"hi") as answer:
            if sink is not None:
                answer.deliver(sink())
                answer.pause()
            await eventually(lambda: bool(peers))
            before = -1
            while peers[0].taken != before:
                before = peers[0].taken
                await pause(0.1)

            assert answer._held_size < 1_000_000
            assert before < 16_000_000

        assert ups.connections == 0


async def test_a_paused_answer_goes_on_where_it_stopped():
    async def script(peer):
        await hear(peer)
        peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n")
        peer.writer.write(b"a" * 10_000_000)
        await peer.rest()

    async with worker(script) as origin, upstreams() as ups:
        sink = Collected()
        async with ups.exchange(origin, REQUEST, b"hi") as answer:
            await eventually(lambda: answer.stopped)
            answer.deliver(sink)
            for _ in range(5):
                answer.pause()
                await pause(0.01)
                answer.resume()
            assert await sink.end() is None

        assert len(sink.payload) == 10_000_000
        assert ups.idle == 1


async def test_pausing_after_the_end_does_not_touch_the_next_exchange():
    async with worker(saying(HELLO)) as origin, upstreams() as ups:
        async with ups.exchange(origin, REQUEST, b"hi") as first:
            await first.body(10)
        first.pause()

        assert await ask(ups, origin) == (200, b"hello")
        assert ups.connections == 1

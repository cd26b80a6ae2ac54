import asyncio

import pytest

from proxy.errors import StageTimeoutError
from tests.proxy.http1.rig import Collected, pause, upstreams, worker
from tests.proxy.http1.workers import (
    CHUNKED,
    HELLO,
    REQUEST,
    ask,
    hear,
    saying,
    silent,
)


async def test_a_worker_that_does_not_answer_passes_its_deadline():
    async with worker(silent) as origin, upstreams(first_byte=0.1) as ups:
        with pytest.raises(StageTimeoutError, match="first_byte"):
            await ask(ups, origin)

        assert ups.connections == 0


async def test_a_worker_that_does_not_take_the_request_passes_its_deadline_and_stalls_nobody():
    async def script(peer):
        await peer.exactly(1)
        await asyncio.Event().wait()

    async with (
        worker(script) as stuck,
        worker(saying(HELLO)) as well,
        upstreams(send=0.2, first_byte=2) as ups,
        asyncio.TaskGroup() as tasks,
    ):

        async def wait():
            with pytest.raises(StageTimeoutError, match="send"):
                await ask(ups, stuck, body=b"a" * 30_000_000)

        waiting = tasks.create_task(wait())
        while not waiting.done():
            assert await ask(ups, well) == (200, b"hello")


async def test_a_large_request_that_goes_out_slowly_is_not_given_up():
    size = 20_000_000

    async def script(peer):
        taken = 0
        while taken < size:
            taken += len(await peer.reader.read(400_000))
            await pause(0.01)
        peer.writer.write(HELLO)
        await peer.rest()

    async with worker(script) as origin, upstreams(send=0.2, first_byte=3) as ups:
        assert await ask(ups, origin, body=b"a" * size) == (200, b"hello")


async def test_a_stream_that_falls_silent_passes_its_deadline():
    async with (
        worker(saying(CHUNKED, b"5\r\nhello\r\n")) as origin,
        upstreams(stream_idle=0.1) as ups,
    ):
        sink = Collected()
        async with ups.exchange(origin, REQUEST, b"hi") as answer:
            answer.deliver(sink)
            error = await sink.end()

        assert isinstance(error, StageTimeoutError)
        assert "stream_idle" in error.message
        assert sink.payload == b"hello"
        assert ups.connections == 0


async def test_a_stream_that_moves_or_is_paused_here_has_no_deadline():
    async def script(peer):
        await hear(peer)
        peer.writer.write(CHUNKED)
        for _ in range(10):
            peer.writer.write(b"1\r\na\r\n")
            await pause(0.04)
        peer.writer.write(b"0\r\n\r\n")
        await peer.rest()

    async with worker(script) as origin, upstreams(stream_idle=0.2) as ups:
        sink = Collected()
        async with ups.exchange(origin, REQUEST, b"hi") as answer:
            answer.deliver(sink)
            await pause(0.1)
            answer.pause()
            await pause(0.4)
            assert not sink.endings
            answer.resume()
            assert await sink.end() is None

    assert sink.payload == b"a" * 10

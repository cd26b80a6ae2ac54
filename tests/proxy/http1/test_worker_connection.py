import asyncio

import pytest

from proxy.errors import TruncatedError, WorkerBrokeError
from proxy.http1.worker_connection import _keep_alive
from tests.proxy.http1.hostile_workers import UNUSABLE
from tests.proxy.http1.rig import Collected, pause, upstreams, worker
from tests.proxy.http1.workers import (
    CHUNKED,
    EMPTY,
    HELLO,
    REQUEST,
    ask,
    hear,
    saying,
)


@pytest.mark.parametrize(
    "answer",
    [
        HELLO + b"x",
        EMPTY + EMPTY,
        CHUNKED + b"0\r\n\r\n0\r\n\r\n",
        CHUNKED + b"0\r\n\r\nHTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    ],
)
async def test_a_connection_that_is_not_clean_is_not_used_again(answer):
    async with worker(saying(answer)) as origin, upstreams() as ups:
        status, body = await ask(ups, origin)

        assert status in {200, 204, 304}
        assert body in {b"", b"hello"}
        assert ups.connections == 0


async def test_a_connection_whose_answer_was_not_read_to_its_end_is_not_used_again():
    async with worker(saying(HELLO[:-1])) as origin, upstreams() as ups:
        async with ups.exchange(origin, REQUEST, b"hi") as answer:
            assert answer.head.status == 200

        assert ups.connections == 0


@pytest.mark.parametrize(
    ("pieces", "hang_up", "payload"),
    [
        ((HELLO,), False, b"hello"),
        ([HELLO[at : at + 1] for at in range(len(HELLO))], False, b"hello"),
        ((CHUNKED, b"5\r\nhel", b"lo\r\n0\r\n", b"X: y\r\n\r\n"), False, b"hello"),
        ((b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo"), True, b"hello"),
        ((b"HTTP/1.0 200 OK\r\n\r\nhel", b"lo"), True, b"hello"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO,), False, b"hello"),
        (
            (b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n", b"HTTP/1.1 102 X\r\n\r\n", HELLO),
            False,
            b"hello",
        ),
    ],
)
async def test_an_answer_may_be_framed_and_split_in_any_way(pieces, hang_up, payload):
    async with worker(saying(*pieces, hang_up=hang_up)) as origin, upstreams() as ups:
        assert await ask(ups, origin) == (200, payload)


async def test_an_answer_to_head_has_no_body_whatever_it_claims():
    async def script(peer):
        while True:
            await peer.line_end()
            peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")

    async with worker(script) as origin, upstreams() as ups:
        for _ in range(3):
            async with ups.exchange(origin, b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n", b"") as answer:
                assert await answer.body(10) == b""
                assert answer.head.length == 5

        assert ups.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        HELLO[:-1],
        CHUNKED,
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\n",
        CHUNKED + b"5\r\nhel",
    ],
)
@pytest.mark.parametrize("way", ["end of file", "reset"])
async def test_an_answer_that_ends_before_its_end_is_truncated(answer, way):
    async def script(peer):
        await hear(peer)
        peer.writer.write(answer)
        await pause(0.02)
        if way == "reset":
            peer.reset()

    async with worker(script) as origin, upstreams() as ups:
        sink = Collected()
        async with ups.exchange(origin, REQUEST, b"hi") as head:
            head.deliver(sink)
            error = await sink.end()

        assert isinstance(error, TruncatedError)
        assert sink.payload == {True: b"hell", False: sink.payload}[answer == HELLO[:-1]]
        assert ups.connections == 0


async def test_a_reset_is_no_end_of_an_answer_that_lasts_until_the_connection_ends():
    async def script(peer):
        await hear(peer)
        peer.writer.write(b"HTTP/1.1 200 OK\r\n\r\nhel")
        await pause(0.02)
        peer.reset()

    async with worker(script) as origin, upstreams() as ups:
        with pytest.raises(TruncatedError):
            await ask(ups, origin)


async def test_a_malformed_chunk_breaks_an_answer():
    async with worker(saying(CHUNKED + b"zz\r\n")) as origin, upstreams() as ups:
        with pytest.raises(WorkerBrokeError, match="chunk"):
            await ask(ups, origin)

        assert ups.connections == 0


async def test_an_answer_over_its_limit_is_an_error():
    async with worker(saying(HELLO)) as origin, upstreams() as ups:
        with pytest.raises(WorkerBrokeError, match="limit"):
            await ask(ups, origin, limit=4)


async def test_the_corpus_of_answers_breaks_the_exchange_and_nothing_else():
    answers = iter(UNUSABLE)

    async def script(peer):
        await peer.line_end()
        peer.writer.write(next(answers)[1])
        await peer.rest()

    async with worker(script) as origin, upstreams() as ups:
        for name, _, method in UNUSABLE:
            with pytest.raises(WorkerBrokeError):
                async with ups.exchange(origin, method.encode() + b" / HTTP/1.1\r\n\r\n", b""):
                    pytest.fail(name)

        assert ups.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000,
    ],
)
async def test_a_worker_without_a_usable_answer_broke(answer):
    async with worker(saying(answer, hang_up=True)) as origin, upstreams() as ups:
        with pytest.raises(WorkerBrokeError):
            await ask(ups, origin)

        assert ups.connections == 0


async def test_a_worker_that_resets_after_it_got_the_request_broke():
    async def script(peer):
        await hear(peer)
        peer.reset()

    async with worker(script) as origin, upstreams() as ups:
        with pytest.raises(WorkerBrokeError):
            await ask(ups, origin)


async def test_a_worker_may_answer_before_it_has_the_whole_request():
    async def script(peer):
        await peer.exactly(10)
        peer.writer.write(HELLO)
        await asyncio.Event().wait()

    async with worker(script) as origin, upstreams() as ups:
        assert await ask(ups, origin, body=b"a" * 30_000_000) == (200, b"hello")
        assert ups.connections == 0


@pytest.mark.parametrize(
    ("announced", "seconds"),
    [
        (b"timeout=5", 4),
        (b"timeout=5, max=100", 4),
        (b"max=100, Timeout=75", 74),
        (b"timeout=1", 0.5),
        (b"timeout=0", 0),
        (b"timeout=99999999999999999999", 999999998),
        (b"max=100", float("inf")),
        (b"timeout", float("inf")),
        (b"timeout=", float("inf")),
        (b"timeout=-1", float("inf")),
        (b"timeout=x", float("inf")),
        (b"timeout=\xb2", float("inf")),
        (b"", float("inf")),
    ],
)
def test_the_announced_patience_is_used_less_a_margin(announced, seconds):
    assert _keep_alive(announced) == seconds

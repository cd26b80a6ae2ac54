import asyncio
import sys

import pytest
import uvloop

from proxy.http1.framing import LAST_CHUNK, chunk
from tests.proxy.http1.raw import get, line
from tests.proxy.http1.rig import connected, eventually, pause, serving

CLOSE = b"Connection: close"

FORGETFUL = (3, 12) <= sys.version_info < (3, 12, 9) or (3, 13) <= sys.version_info < (3, 13, 2)
"""Pythons whose own event loop has the flaw; headgate serves on uvloop, which has not."""


async def conversation(handler, raw):
    async with serving(handler) as server, connected(server.port) as client:
        return await client.ask(raw)


@pytest.mark.parametrize(
    ("length", "pieces", "body", "framed_by"),
    [
        (
            None,
            [b"abc", b"", b"d"],
            b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
            b"transfer-encoding: chunked",
        ),
        (None, [], b"0\r\n\r\n", b"transfer-encoding: chunked"),
        (4, [b"abc", b"d"], b"abcd", b"content-length: 4"),
        (0, [], b"", b"content-length: 0"),
        # An answer that is not as long as it claims is cut.
        (4, [b"abc"], b"abc", b"content-length: 4"),
        (4, [b"abc", b"de"], b"abc", b"content-length: 4"),
    ],
)
async def test_a_streamed_answer_is_framed_here(length, pieces, body, framed_by):
    async def handler(exchange):
        exchange.start(200, [(b"x-a", b"b"), (b"content-length", b"99")], length)
        for piece in pieces:
            exchange.write(piece)
        exchange.finish()

    answer = await conversation(handler, get(CLOSE))
    head, _, rest = answer.partition(b"\r\n\r\n")

    assert head == b"HTTP/1.1 200 OK\r\nx-a: b\r\n" + framed_by + b"\r\nconnection: close"
    assert rest == body


async def test_a_large_piece_is_one_chunk():
    piece = b"x" * 300_000

    async def handler(exchange):
        exchange.start(200, [], None)
        exchange.write(piece)
        exchange.finish()

    answer = await conversation(handler, get(CLOSE))

    assert answer.partition(b"\r\n\r\n")[2] == chunk(piece) + LAST_CHUNK


@pytest.mark.parametrize(
    ("request_line", "status", "framed_by"),
    [
        (b"HEAD / HTTP/1.1", 200, b"\r\ncontent-length: 5"),
        (b"GET / HTTP/1.1", 204, b""),
        (b"GET / HTTP/1.1", 304, b""),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_without_a_body_stays_in_step(request_line, status, framed_by, streamed):
    async def handler(exchange):
        if exchange.head.path == b"/next":
            exchange.respond(200, [], b"next")
        elif streamed:
            exchange.start(status, [], 5 if status == 200 else None)
            exchange.write(b"hello")
            exchange.finish()
        else:
            exchange.respond(status, [], b"hello")
            assert exchange.bytes_out == 0

    after = line(b"GET /next HTTP/1.1", b"Host: a\r\n" + CLOSE + b"\r\n")
    answer = await conversation(handler, line(request_line) + after)
    first, second = answer.split(b"\r\n\r\n", 1)

    assert first.partition(b"\r\n")[2] == framed_by.strip()
    assert second.startswith(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n")
    assert second.endswith(b"next")


async def test_a_head_answer_of_unknown_length_claims_none():
    async def handler(exchange):
        exchange.start(200, [], None)
        exchange.finish()

    answer = await conversation(handler, line(b"HEAD / HTTP/1.1", b"Host: a\r\n" + CLOSE + b"\r\n"))

    assert answer == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize("status", [599, 529])
async def test_a_status_without_a_name_is_sent_as_a_number(status):
    async def handler(exchange):
        exchange.respond(status, [], b"")

    assert (await conversation(handler, get(CLOSE))).startswith(b"HTTP/1.1 %d \r\n" % status)


async def test_a_header_that_would_break_the_line_is_never_sent():
    reports = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))

    async def handler(exchange):
        exchange.start(200, [(b"x-a", b"b\r\nset-cookie: c")], None)

    answer = await conversation(handler, get(CLOSE))

    assert answer.startswith(b"HTTP/1.1 500")
    assert b"set-cookie" not in answer
    assert isinstance(reports[0]["exception"], ValueError)


async def test_a_cut_chunked_answer_has_no_last_chunk():
    async def handler(exchange):
        exchange.start(200, [], None)
        exchange.write(b"abc")
        exchange.cut()
        exchange.write(b"not sent")
        exchange.finish()

    answer = await conversation(handler, get() + get())

    assert answer.endswith(b"chunked\r\n\r\n3\r\nabc\r\n")


async def test_a_cut_answer_of_declared_length_stays_short():
    async def handler(exchange):
        exchange.start(200, [], 10)
        exchange.write(b"abc")
        exchange.cut()

    assert (await conversation(handler, get())).endswith(b"content-length: 10\r\n\r\nabc")


async def test_a_cut_answer_to_http_1_0_ends_in_a_reset_behind_its_bytes():
    async def handler(exchange):
        exchange.start(200, [], None)
        exchange.write(b"abc")
        exchange.cut()

    async with serving(handler) as server, connected(server.port) as client:
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        await client.line_end(b"abc")
        with pytest.raises(ConnectionResetError):
            await client.rest()


async def test_an_exchange_has_one_answer():
    caught = []

    async def handler(exchange):
        exchange.respond(200, [], b"")
        with pytest.raises(RuntimeError) as error:
            exchange.start(200, [], None)
        caught.append(error)

    await conversation(handler, get(CLOSE))

    assert caught


async def test_an_exchange_counts_its_payload_and_knows_its_client():
    seen = []

    async def handler(exchange):
        exchange.start(201, [], None)
        exchange.write(b"abc")
        exchange.write(b"de")
        exchange.finish()
        seen.append(exchange)

    before = asyncio.get_running_loop().time()
    await conversation(handler, get(CLOSE))
    (exchange,) = seen

    assert (exchange.status, exchange.bytes_out, exchange.peer) == (201, 5, "127.0.0.1")
    assert before <= exchange.started_at <= asyncio.get_running_loop().time()
    assert exchange.started
    assert exchange.finished
    assert not exchange.gone


async def test_the_clock_of_a_request_starts_at_its_first_byte():
    seen = []

    async def handler(exchange):
        seen.append(asyncio.get_running_loop().time() - exchange.started_at)
        exchange.respond(200, [], b"")

    async with serving(handler) as server, connected(server.port) as client:
        await client.send(get(CLOSE)[:10])
        await eventually(lambda: server.connections == 1)
        await pause(0.1)
        await client.ask(get(CLOSE)[10:])

    assert seen[0] >= 0.09


async def test_a_full_socket_pauses_the_source_and_an_emptied_one_resumes_it():
    signals = []
    resumed = asyncio.Event()

    async def handler(exchange):
        exchange.on_pause = lambda: signals.append("pause")
        exchange.on_resume = lambda: (signals.append("resume"), resumed.set())
        exchange.start(200, [], None)
        while not exchange.paused:
            exchange.write(b"a" * 16_000)
            await pause(0)
        signals.append(exchange.bytes_out)
        await exchange.drained()
        await resumed.wait()
        exchange.finish()

    async with serving(handler) as server, connected(server.port, limit=1024) as client:
        await client.send(get(CLOSE))
        await client.line_end()
        await eventually(lambda: len(signals) == 2)
        assert signals[0] == "pause"
        assert len(await client.rest()) > signals[1]

    assert signals[2] == "resume"


async def test_a_request_behind_an_answer_that_is_still_leaving_finds_its_client_paused():
    if FORGETFUL and not isinstance(asyncio.get_running_loop(), uvloop.Loop):
        pytest.skip("CVE-2024-12254: asyncio's writelines of this Python never pauses")
    paused = []

    async def handler(exchange):
        paused.append(exchange.paused)
        exchange.respond(200, [], b"a" * 8_000_000)

    async with serving(handler) as server, connected(server.port, limit=1024) as client:
        await client.send(get() + get(CLOSE))
        assert len(await client.rest()) > 16_000_000

    assert paused == [False, True]

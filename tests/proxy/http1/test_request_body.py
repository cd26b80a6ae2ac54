import asyncio
import tracemalloc

import pytest

from proxy.errors import BadRequestError, RequestTimeoutError, TooLargeError
from proxy.http1.framing import parse_request_head
from proxy.http1.request_body import RequestBody
from proxy.http1.server import HttpLimits
from tests.proxy.http1.raw import POST, get, post
from tests.proxy.http1.rig import connected, eventually, pause, serving

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSED = b"connection: close\r\n\r\n"
UPLOADING = POST + b"Content-Length: 100\r\n\r\nabc"
CHUNKS = POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"


async def answer_ok(exchange):
    await exchange.read_body()
    exchange.respond(200, [], b"")


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_100_continue_is_sent_when_the_body_is_asked_for(framing):
    go_on = asyncio.Event()

    async def handler(exchange):
        await go_on.wait()
        exchange.respond(200, [], await exchange.read_body())

    line, body = {
        "length": (b"Content-Length: 3", b"abc"),
        "chunks": (b"Transfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n"),
    }[framing]
    async with serving(handler) as server, connected(server.port) as client:
        await client.send(post(b"Expect: 100-continue", line))
        await eventually(lambda: server.in_flight == 1)
        go_on.set()
        assert await client.line_end() == CONTINUE
        await client.send(body)

        assert (await client.line_end()).startswith(b"HTTP/1.1 200")
        assert await client.exactly(3) == b"abc"


async def test_100_continue_is_not_sent_where_the_answer_does_not_need_the_body():
    async def refuse(exchange):
        exchange.respond(401, [], b"no")

    async with serving(refuse) as server, connected(server.port) as client:
        answer = await client.ask(post(b"Expect: 100-continue", b"Content-Length: 3"))

    assert answer.startswith(b"HTTP/1.1 401")
    assert answer.endswith(CLOSED + b"no")


async def test_100_continue_is_not_sent_for_a_body_that_is_here():
    async with serving(answer_ok) as server, connected(server.port) as client:
        await client.send(post(b"Expect: 100-continue", b"Content-Length: 3") + b"abc")

        assert (await client.line_end()).startswith(b"HTTP/1.1 200")


async def test_an_answer_before_the_body_was_read_is_the_last():
    async def refuse(exchange):
        exchange.respond(401, [], b"no")

    async with serving(refuse) as server, connected(server.port) as client:
        answers = await client.ask(post(b"Content-Length: 3") + b"abc" + get())

    assert answers.count(b"HTTP/1.1") == 1
    assert answers.endswith(CLOSED + b"no")


async def test_an_answer_to_a_request_without_a_body_keeps_the_connection():
    async def refuse(exchange):
        exchange.respond(404, [], b"")

    async with serving(refuse) as server, connected(server.port) as client:
        await client.send(get() + get())
        await client.line_end()

        assert CLOSED not in await client.line_end()


async def failing_body(raw, **settings):
    errors = []

    async def handler(exchange):
        try:
            await exchange.read_body()
        except (BadRequestError, TooLargeError, RequestTimeoutError) as error:
            errors.append(error)
            exchange.respond(error.status, [], b"")

    async with serving(handler, **settings) as server, connected(server.port) as client:
        answer = await client.ask(raw)

    assert answer.endswith(CLOSED)
    return errors[0], int(answer[9:12])


async def test_a_chunked_body_over_the_limit_is_an_error_and_the_last_request():
    chunks = b"a\r\n0123456789\r\n" * 10 + b"0\r\n\r\n"
    error, status = await failing_body(CHUNKS + chunks + get(), limits=HttpLimits(body=50))

    assert isinstance(error, TooLargeError)
    assert status == 413


async def test_a_malformed_chunk_is_an_error_and_the_last_request():
    error, status = await failing_body(CHUNKS + b"zz\r\n" + get())

    assert isinstance(error, BadRequestError)
    assert status == 400


@pytest.mark.parametrize("raw", [UPLOADING, CHUNKS])
async def test_a_body_that_stops_coming_is_an_error(raw):
    error, status = await failing_body(raw, body_idle=0.1)

    assert isinstance(error, RequestTimeoutError)
    assert status == 408


async def test_a_body_that_comes_drop_by_drop_has_a_last_moment():
    async def handler(exchange):
        with pytest.raises(RequestTimeoutError):
            await exchange.read_body()
        exchange.respond(408, [], b"")

    async with (
        serving(handler, body_idle=0.3, body=0.6) as server,
        connected(server.port) as client,
    ):
        await client.send(post(b"Content-Length: 1000"))
        answer = asyncio.Event()

        async def drip():
            while not answer.is_set():
                client.writer.write(b"a")
                await pause(0.05)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(drip())
            assert (await client.line_end()).startswith(b"HTTP/1.1 408")
            answer.set()


async def test_a_body_nobody_asks_for_is_not_read_beyond_the_limit():
    go_on = asyncio.Event()
    bodies = []

    async def handler(exchange):
        await go_on.wait()
        bodies.append(await exchange.read_body())
        exchange.respond(200, [], b"")

    size = 20_000_000
    async with serving(handler) as server, connected(server.port) as client:
        client.writer.write(post(b"Content-Length: %d" % size) + b"a" * size)
        await eventually(lambda: server.in_flight == 1)
        (connection,) = server._service.connections
        await eventually(lambda: connection._held_up)
        assert connection._body.size < 1_000_000
        go_on.set()
        await client.line_end()

    assert len(bodies[0]) == size


def test_a_body_in_tiny_pieces_is_kept_in_little_room():
    size = 200_000
    head = parse_request_head(post(b"Content-Length: %d" % size))
    body = RequestBody(head, limit=size)
    tracemalloc.start()
    try:
        for _ in range(size):
            body.feed(b"%c" % 97)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert body.complete
    assert held < 2 * size


async def test_large_and_small_pieces_keep_their_order():
    pieces = [b"a" * 5000, b"b", b"c", b"d" * 5000, b"e" * 4096, b"f"]
    body = RequestBody(parse_request_head(post(b"Content-Length: 14099")), limit=20_000)
    for piece in pieces:
        body.feed(piece)

    assert await body.whole() == b"".join(pieces)

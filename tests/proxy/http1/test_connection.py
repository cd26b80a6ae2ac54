import asyncio

import pytest

from tests.proxy.http1.raw import GET, POST, get, post
from tests.proxy.http1.rig import PATIENCE, Watched, connected, eventually, pause, serving

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSED = b"connection: close\r\n\r\n"


async def answer_ok(exchange):
    await exchange.read_body()
    exchange.respond(200, [], b"")


async def read_body(exchange):
    await exchange.read_body()


async def think(exchange):
    await exchange.read_body()
    await asyncio.Event().wait()


async def stream_silently(exchange):
    exchange.start(200, [], None)
    exchange.write(b"hello")
    await asyncio.Event().wait()


# The client leaves.

UPLOADING = POST + b"Content-Length: 100\r\n\r\nabc"
CHUNKS = POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
EXPECTING = POST + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize("way", ["end of file", "close", "reset"])
@pytest.mark.parametrize(
    ("script", "raw"),
    [
        (read_body, UPLOADING),
        (read_body, CHUNKS),
        (read_body, EXPECTING),
        (think, get()),
        (think, post(b"Content-Length: 3") + b"abc"),
        (stream_silently, get()),
        # Also while the body waits for someone to ask for it.
        (lambda _: asyncio.Event().wait(), UPLOADING),
    ],
)
async def test_a_client_that_leaves_cancels_its_request_within_a_second(script, raw, way):
    handler = Watched(script)
    async with serving(handler) as server, connected(server.port) as client:
        await client.send(raw)
        await asyncio.wait_for(handler.started.wait(), PATIENCE)
        match way:
            case "end of file":
                client.writer.write_eof()
            case "close":
                client.writer.close()
            case "reset":
                client.reset()
        await handler.wait()
        await eventually(lambda: server.connections == 0)

    assert handler.cancelled
    assert handler.exchange.gone


async def test_an_exchange_whose_client_has_gone_takes_everything_silently():
    async def outlive(exchange):
        try:
            await asyncio.Event().wait()
        finally:
            exchange.start(200, [], None)
            exchange.write(b"hello")
            await exchange.drained()
            exchange.finish()
            exchange.cut()

    handler = Watched(outlive)
    async with serving(handler) as server:
        async with connected(server.port) as client:
            await client.send(get())
            await asyncio.wait_for(handler.started.wait(), PATIENCE)
        await handler.wait()
        await eventually(lambda: server.connections == 0)


async def test_a_client_that_leaves_after_its_answer_does_not_cancel_what_is_left_to_do():
    done = asyncio.Event()

    async def settle_later(exchange):
        exchange.respond(200, [], b"")
        await done.wait()

    handler = Watched(settle_later)
    async with serving(handler) as server:
        async with connected(server.port) as client:
            await client.send(get())
            await client.line_end()
        await eventually(lambda: server.connections == 0)
        assert not handler.ended.is_set()
        done.set()
        await handler.wait()

    assert not handler.cancelled


async def test_the_next_request_does_not_wait_for_what_is_left_to_do():
    done = asyncio.Event()

    async def settle_later(exchange):
        exchange.respond(200, [], exchange.head.target)
        await done.wait()

    async with serving(settle_later) as server, connected(server.port) as client:
        await client.send(get() + get())
        await client.line_end()
        await client.line_end()
        done.set()


async def test_pipelined_requests_wait_in_bounded_room():
    go_on = asyncio.Event()

    async def handler(exchange):
        await go_on.wait()
        exchange.respond(200, [], b"")

    count = 40_000
    async with serving(handler) as server, connected(server.port) as client:
        client.writer.write(get() * count)
        await eventually(lambda: server.in_flight == 1)
        (connection,) = server._service.connections
        await eventually(lambda: connection._held_up)
        assert len(connection._heads.held) < 500_000
        go_on.set()
        for _ in range(count):
            await client.line_end()


# Deadlines.


async def test_a_head_that_stops_coming_is_told_so_and_closed():
    async with serving(answer_ok, header=0.1) as server, connected(server.port) as client:
        answer = await client.ask(GET + b"X: ")

    assert answer.startswith(b"HTTP/1.1 408")


async def test_a_head_that_comes_drop_by_drop_is_closed_all_the_same():
    async with serving(answer_ok, header=0.3) as server, connected(server.port) as client:
        ended = asyncio.Event()

        async def drip():
            client.writer.write(GET + b"X: ")
            while not ended.is_set():
                client.writer.write(b"a")
                await pause(0.05)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(drip())
            answer = await client.rest()
            ended.set()

    assert answer.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"\r\n\r\n"])
async def test_a_client_that_says_nothing_is_closed_without_a_word(raw):
    async with serving(answer_ok, header=0.1) as server, connected(server.port) as client:
        client.writer.write(raw)

        assert await client.rest() == b""


async def test_a_connection_that_is_not_used_again_is_closed():
    async with serving(answer_ok, keep_alive=0.1) as server, connected(server.port) as client:
        await client.send(get())
        await client.line_end()

        assert await client.rest() == b""


async def test_three_hundred_stalled_heads_all_end_and_disturb_nobody():
    async with serving(answer_ok, header=0.3) as server:

        async def stall():
            async with connected(server.port) as client:
                return await client.ask(GET + b"X: ")

        async with asyncio.TaskGroup() as tasks:
            stalled = [tasks.create_task(stall()) for _ in range(300)]
            async with connected(server.port) as client:
                await client.send(get())
                assert (await client.line_end()).startswith(b"HTTP/1.1 200")

    assert all(task.result().startswith(b"HTTP/1.1 408") for task in stalled)


async def test_a_silent_answer_has_no_deadline_here():
    async def slow(exchange):
        await pause(0.5)
        exchange.respond(200, [], b"")

    tiny = {"header": 0.1, "body_idle": 0.1, "keep_alive": 0.1, "stall": 0.1, "linger": 0.1}
    async with serving(slow, **tiny) as server, connected(server.port) as client:
        await client.send(get())

        assert (await client.line_end()).startswith(b"HTTP/1.1 200")

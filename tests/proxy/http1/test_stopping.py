import asyncio

import pytest

from proxy.http1.server import Server
from tests.proxy.http1.raw import get
from tests.proxy.http1.rig import PATIENCE, connected, eventually, reject, serving


async def echo(exchange):
    body = await exchange.read_body()
    told = f"{exchange.head.method} {exchange.head.target.decode()} ".encode()
    exchange.respond(200, [], told + body)


def ok(body, *lines):
    head = [b"HTTP/1.1 200 OK", b"content-length: %d" % len(body), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


async def test_draining_ends_idle_connections_and_lets_requests_finish():
    go_on = asyncio.Event()

    async def handler(exchange):
        await go_on.wait()
        exchange.respond(200, [], b"done")

    async with serving(handler) as server:
        async with connected(server.port) as idle, connected(server.port) as busy:
            await busy.send(get())
            await eventually(lambda: server.in_flight == 1)
            async with asyncio.TaskGroup() as tasks:
                drained = tasks.create_task(server.drain(PATIENCE))
                assert await idle.rest() == b""
                go_on.set()
                assert await busy.rest() == ok(b"done", b"connection: close")
                idle.writer.close()
                busy.writer.close()

            assert drained.result() == 0
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)


async def test_draining_gives_up_at_its_limit_and_tells_what_is_left():
    async def handler(_exchange):
        await asyncio.Event().wait()

    async with serving(handler) as server, connected(server.port) as client:
        await client.send(get())
        await eventually(lambda: server.in_flight == 1)

        assert await server.drain(0.05) == 1


async def test_last_answers_say_close_while_new_clients_are_still_served():
    async with serving(echo) as server, connected(server.port) as before:
        server.last_answers()
        async with connected(server.port) as after:
            assert await before.ask(get()) == ok(b"GET / ", b"connection: close")
            assert await after.ask(get()) == ok(b"GET / ", b"connection: close")


async def test_closing_cancels_handlers_which_may_still_say_why():
    async def handler(exchange):
        exchange.start(200, [], None)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert not exchange.gone
            exchange.write(b"we are closing")
            exchange.cut()
            raise

    async with serving(handler) as server, connected(server.port) as client:
        await client.send(get())
        await client.line_end()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.close())
            assert await client.rest() == b"e\r\nwe are closing\r\n"
            client.writer.close()


async def test_a_server_that_never_started_can_be_closed():
    await Server(echo, reject).close()

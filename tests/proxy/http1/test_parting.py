import asyncio
import socket

import pytest

from proxy.http1.server import HttpLimits
from tests.proxy.http1.raw import get, post
from tests.proxy.http1.rig import PATIENCE, Watched, connected, eventually, pause, serving


async def echo(exchange):
    exchange.respond(200, [], await exchange.read_body())


async def test_a_client_that_goes_on_sending_still_gets_its_refusal():
    async with serving(echo, limits=HttpLimits(body=1000)) as server:
        loop = asyncio.get_running_loop()
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.setblocking(False)
            head = post(b"Content-Length: 900000") + b"a" * 900_000
            async with asyncio.timeout(PATIENCE):
                await loop.sock_sendall(sock, head)
                answer = await loop.sock_recv(sock, 1000)

    assert answer.startswith(b"HTTP/1.1 413")


async def test_a_client_that_never_stops_sending_is_dropped():
    async with (
        serving(echo, limits=HttpLimits(body=1000), linger=0.2) as server,
        connected(server.port) as client,
    ):
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            await client.send(post(b"Content-Length: 90000000") + b"a" * 90_000_000, step=100_000)
        await eventually(lambda: server.connections == 0)


async def flood(exchange):
    """Write as long as the client takes it."""
    exchange.start(200, [], None)
    while True:
        exchange.write(b"a" * 16_000)
        await exchange.drained()
        await pause(0)


async def test_a_client_that_takes_nothing_is_dropped():
    handler = Watched(flood)
    async with (
        serving(handler, stall=0.2, linger=0.05) as server,
        connected(server.port, limit=1024) as client,
    ):
        await client.send(get())
        await asyncio.wait_for(handler.ended.wait(), PATIENCE)

    assert handler.cancelled


async def test_a_client_that_takes_little_at_a_time_is_not_dropped():
    handler = Watched(flood)
    async with (
        serving(handler, stall=0.3, linger=0.05) as server,
        connected(server.port, limit=1024) as client,
    ):
        loop = asyncio.get_running_loop()
        await client.send(get())
        until = loop.time() + 1.0
        while loop.time() < until:
            await client.exactly(400_000)
            await pause(0.02)

        assert not handler.ended.is_set()


async def test_a_finished_answer_reaches_a_slow_reader_before_the_connection_ends():
    size = 8_000_000

    async def handler(exchange):
        exchange.respond(200, [], b"a" * size)

    async with (
        serving(handler, keep_alive=0.1, linger=0.05, stall=2.0) as server,
        connected(server.port, limit=1024) as client,
    ):
        await client.send(get(b"Connection: close"))
        await client.line_end()
        for _ in range(16):
            assert len(await client.exactly(size // 16)) == size // 16
            await pause(0.02)

        assert await client.rest() == b""

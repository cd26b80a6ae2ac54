import asyncio
import socket
from contextlib import suppress

import pytest

from proxy.errors import UnreachableError, WorkerBrokeError
from proxy.http1.upstream import Origin
from tests.proxy.http1.rig import PATIENCE, eventually, pause, upstreams, worker
from tests.proxy.http1.workers import (
    CHUNKED,
    EMPTY,
    HELLO,
    REQUEST,
    ask,
    hear,
    saying,
    saying_at_once,
)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://a", Origin("a", 80, False, b"a")),
        ("http://a:8080/", Origin("a", 8080, False, b"a:8080")),
        ("https://a", Origin("a", 443, True, b"a")),
        ("https://a:8443/x/y/", Origin("a", 8443, True, b"a:8443", b"/x/y")),
        ("http://[::1]:81", Origin("::1", 81, False, b"[::1]:81")),
        ("http://u:p@a", Origin("a", 80, False, b"a")),
    ],
)
def test_an_origin_is_read_from_a_url(url, origin):
    assert Origin.parse(url) == origin


@pytest.mark.parametrize("url", ["", "a", "ftp://a", "http://", "http:///x", "unix:/run/x"])
def test_an_origin_needs_a_host(url):
    with pytest.raises(ValueError, match="URL"):
        Origin.parse(url)


async def test_a_request_arrives_as_rendered_and_its_answer_comes_back():
    heard = []

    async def script(peer):
        heard.append(await hear(peer))
        peer.writer.write(HELLO)

    async with worker(script) as origin, upstreams() as ups:
        assert await ask(ups, origin) == (200, b"hello")

    assert heard == [REQUEST + b"hi"]


async def test_a_connection_is_used_again_and_the_last_first():
    connections = 0

    async def script(peer):
        nonlocal connections
        connections += 1
        await saying(HELLO)(peer)

    async with worker(script) as origin, upstreams() as ups:
        for _ in range(50):
            await ask(ups, origin)
        assert connections == 1

        await asyncio.gather(*[ask(ups, origin) for _ in range(5)])
        assert connections == 5
        assert ups.idle == ups.connections == 5


async def test_no_more_than_the_configured_number_rest():
    async with worker(saying(HELLO)) as origin, upstreams(max_idle=2) as ups:
        await asyncio.gather(*[ask(ups, origin) for _ in range(5)])

        assert ups.idle == 2
        await eventually(lambda: ups.connections == 2)


async def test_a_resting_connection_ends_after_its_time():
    async with worker(saying(HELLO)) as origin, upstreams(idle_ttl=0.05) as ups:
        await ask(ups, origin)
        assert ups.idle == 1
        await eventually(lambda: ups.connections == 0)

        assert ups.idle == 0


@pytest.mark.parametrize(
    ("announced", "rests"),
    [(b"timeout=0", False), (b"timeout=3600", True), (b"max=5", True), (b"timeout=x", True)],
)
async def test_a_worker_says_how_long_it_keeps_a_connection(announced, rests):
    answer = b"HTTP/1.1 200 OK\r\nkeep-alive: " + announced + b"\r\ncontent-length: 0\r\n\r\n"
    async with worker(saying(answer)) as origin, upstreams(idle_ttl=0.4, send=0.1) as ups:
        await ask(ups, origin)
        await pause(0.15)

        assert (ups.idle == 1) is rests


async def test_a_resting_connection_that_the_worker_ends_leaves_the_pool():
    async with worker(saying(HELLO, hang_up=True)) as origin, upstreams() as ups:
        for _ in range(20):
            assert await ask(ups, origin) == (200, b"hello")
            await eventually(lambda: ups.connections == 0)

        assert ups.idle == 0


async def test_a_connection_that_ended_a_moment_ago_is_noticed_before_it_is_used():
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        origin = Origin.parse(f"http://127.0.0.1:{listener.getsockname()[1]}")

        async def serve_one():
            sock, _ = await loop.sock_accept(listener)
            await loop.sock_recv(sock, 1000)
            await loop.sock_sendall(sock, HELLO)
            return sock

        async with upstreams() as ups:
            for _ in range(20):
                _, sock = await asyncio.gather(ask(ups, origin), serve_one())
                assert ups.idle == 1
                # The loop gets no turn in which to see this before the next request.
                sock.close()


async def test_a_worker_with_a_very_short_patience_executes_nothing_it_did_not_answer():
    executed = answered = 0

    async def script(peer):
        nonlocal executed
        while True:
            async with asyncio.timeout(0.01):
                await hear(peer)
            executed += 1
            peer.writer.write(HELLO)

    async def impatient(peer):
        with suppress(TimeoutError):
            await script(peer)

    async with worker(impatient) as origin, upstreams() as ups:
        for round_ in range(200):
            with suppress(WorkerBrokeError):
                assert await ask(ups, origin) == (200, b"hello")
                answered += 1
            await pause((0, 0, 0.006, 0, 0.0095, 0, 0.015)[round_ % 7])

    assert executed == answered > 100


async def test_bytes_on_a_resting_connection_end_it():
    async def script(peer):
        await hear(peer)
        peer.writer.write(EMPTY)
        await pause(0.02)
        peer.writer.write(HELLO)
        await peer.rest()

    async with worker(script) as origin, upstreams() as ups:
        await ask(ups, origin)
        await eventually(lambda: ups.connections == 0)


async def test_a_worker_that_refuses_the_connection_is_unreachable():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        origin = Origin.parse(f"http://127.0.0.1:{sock.getsockname()[1]}")
        async with upstreams() as ups:
            with pytest.raises(UnreachableError):
                await ask(ups, origin)


async def test_a_name_that_means_nothing_is_unreachable():
    async with upstreams() as ups:
        for host in ("a..b", "x" * 70):
            with pytest.raises(UnreachableError):
                await ask(ups, Origin(host, 80, tls=False, host_header=b"a"))


@pytest.mark.parametrize("way", ["close", "reset"])
async def test_a_worker_that_hangs_up_at_once_is_an_error_at_once(way):
    async def script(peer):
        if way == "reset":
            peer.reset()

    async with worker(script) as origin, upstreams() as ups:
        for _ in range(50):
            async with asyncio.timeout(PATIENCE):
                with pytest.raises((UnreachableError, WorkerBrokeError)):
                    await ask(ups, origin)

        assert ups.connections == 0


async def test_a_worker_that_does_not_take_the_connection_is_unreachable():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        name = sock.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(name)
        async with upstreams(connect=0.1) as ups:
            with pytest.raises(UnreachableError, match="connect"):
                await ask(ups, Origin.parse(f"http://127.0.0.1:{name[1]}"))
        for filler in fillers:
            filler.close()


async def test_closing_ends_exchanges_that_still_run():
    async with worker(saying(CHUNKED)) as origin, upstreams() as ups:
        async with ups.exchange(origin, REQUEST, b"hi"):
            await ups.close()

        assert ups.connections == 0
        assert ups.idle == 0


async def test_a_thousand_exchanges_leave_nothing_but_resting_connections():
    tasks = len(asyncio.all_tasks())
    async with worker(saying_at_once(HELLO)) as origin, upstreams() as ups:

        async def visit():
            for _ in range(20):
                async with asyncio.timeout(PATIENCE):
                    await ask(ups, origin)

        await asyncio.gather(*[visit() for _ in range(50)])
        assert ups.connections == ups.idle <= 50
    await eventually(lambda: len(asyncio.all_tasks()) == tasks)

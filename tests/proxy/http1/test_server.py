import asyncio
import gc

import pytest

from proxy.http1.connection import ClientConnection
from proxy.http1.framing import RequestHead
from proxy.http1.request_body import RequestBody
from proxy.http1.server import Exchange, HttpLimits, Server
from tests.proxy.http1.hostile import REFUSED
from tests.proxy.http1.raw import GET, get, line, post
from tests.proxy.http1.rig import connected, eventually, reject, serving

CLOSE = b"Connection: close"


async def echo(exchange):
    body = await exchange.read_body()
    told = f"{exchange.head.method} {exchange.head.target.decode()} ".encode()
    exchange.respond(200, [], told + body)


def ok(body, *lines):
    head = [b"HTTP/1.1 200 OK", b"content-length: %d" % len(body), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


async def test_a_request_is_answered():
    async with serving(echo) as server, connected(server.port) as client:
        answer = await client.ask(post(CLOSE, b"Content-Length: 5") + b"hello")

    assert answer == ok(b"POST /v1/messages hello", b"connection: close")


async def test_a_chunked_body_is_joined_and_its_connection_closed():
    body = b"".join(b"1\r\n%c\r\n" % byte for byte in b"hello world") + b"0\r\nX: y\r\n\r\n"
    async with serving(echo) as server, connected(server.port) as client:
        answer = await client.ask(post(b"Transfer-Encoding: chunked") + body, step=13)

    assert answer == ok(b"POST /v1/messages hello world", b"connection: close")


@pytest.mark.parametrize("step", [None, 1, 7])
async def test_pipelined_requests_are_answered_in_order(step):
    requests = [
        line(b"GET /1 HTTP/1.1"),
        post(b"Content-Length: 3") + b"abc",
        b"\r\n" + line(b"GET /3 HTTP/1.1"),
        post(b"Content-Length: 0"),
        line(b"GET /5 HTTP/1.1", b"Host: a\r\nConnection: close\r\n"),
    ]
    async with serving(echo) as server, connected(server.port) as client:
        answers = await client.ask(b"".join(requests), step=step)

    assert answers == (
        ok(b"GET /1 ")
        + ok(b"POST /v1/messages abc")
        + ok(b"GET /3 ")
        + ok(b"POST /v1/messages ")
        + ok(b"GET /5 ", b"connection: close")
    )


async def test_a_malformed_request_behind_a_good_one_is_refused_and_is_the_last():
    async with serving(echo) as server, connected(server.port) as client:
        answers = await client.ask(get() + post(b"Content-Length: +1") + get())

    first, second = ok(b"GET / "), b"HTTP/1.1 400 Bad Request"
    assert answers.startswith(first + second)
    assert answers.count(b"HTTP/1.1") == 2


async def test_nothing_runs_after_connection_close():
    seen = []

    async def handler(exchange):
        seen.append(exchange.head.path)
        exchange.respond(200, [], b"")

    async with serving(handler) as server, connected(server.port) as client:
        answers = await client.ask(get(CLOSE) + line(b"GET /second HTTP/1.1"))

    assert answers == ok(b"", b"connection: close")
    assert seen == [b"/"]


async def test_the_corpus_is_refused_on_the_wire_and_nothing_after_it_runs():
    ran = []

    async def handler(exchange):
        ran.append(exchange.head)
        exchange.respond(200, [], b"")

    async with serving(handler) as server:
        for name, raw, status in REFUSED:
            async with connected(server.port) as client:
                answer = await client.ask(raw + get())

            statuses = status if isinstance(status, tuple) else (status,)
            assert int(answer[9:12]) in statuses, name
            assert b"\r\nconnection: close\r\n" in answer, name
            assert answer.count(b"content-length: ") == 1, name
        await eventually(lambda: server.connections == 0)

    assert ran == []


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (get(b"X: " + b"a" * 70_000), 431),
        (GET + b"X: " + b"a" * 1_000_000, 431),
        (GET + b"X: a\r\n" * 20_000, 431),
        (line(b"GET /" + b"a" * 20_000 + b" HTTP/1.1"), 414),
        (line(b"GET /" + b"a" * 100_000 + b" HTTP/1.1"), 414),
        (b"GET /" + b"a" * 100_000, 414),
        (b"A" * 100_000, 414),
        # What can never be a head is not waited for.
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"\x00", 400),
        (b"GET / HTTP/1.1\r\nHost: a\x00", 400),
        (b"\nGET / HTTP/1.1\r\n", 400),
    ],
)
async def test_a_head_that_is_too_long_or_hopeless_is_refused_at_once(raw, status):
    async with serving(echo) as server, connected(server.port) as client:
        answer = await client.ask(raw)

    assert int(answer[9:12]) == status


async def test_a_line_that_is_dribbled_without_end_is_refused_at_the_limit():
    async with serving(echo) as server, connected(server.port) as client:
        answer = await client.ask(GET + b"X: " + b"a" * 66_000, step=500)

    assert answer.startswith(b"HTTP/1.1 431")


async def test_a_refusal_names_the_target_to_whoever_words_it():
    async with serving(echo) as server, connected(server.port) as client:
        answer = await client.ask(line(b"GET /v1/models HTTP/2.0"))

    assert b"\r\nx-target: /v1/models\r\n" in answer


async def test_a_refusal_of_head_has_no_body():
    async with serving(echo) as server, connected(server.port) as client:
        answer = await client.ask(line(b"HEAD / HTTP/1.1", b""))

    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.endswith(b"\r\n\r\n")


async def test_a_declared_body_over_the_limit_is_refused_before_any_of_it_is_read():
    async with (
        serving(echo, limits=HttpLimits(body=1000)) as server,
        connected(server.port) as client,
    ):
        answer = await client.ask(post(b"Content-Length: 1001", b"Expect: 100-continue"))

    assert answer.startswith(b"HTTP/1.1 413")


async def test_http_1_0_gets_a_body_that_the_connections_end_bounds():
    async def handler(exchange):
        exchange.start(200, [(b"x-a", b"b")], None)
        exchange.write(b"one ")
        exchange.write(b"two")
        exchange.finish()

    async with serving(handler) as server, connected(server.port) as client:
        answer = await client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")

    assert answer == b"HTTP/1.1 200 OK\r\nx-a: b\r\nconnection: close\r\n\r\none two"


async def test_one_thousand_requests_leave_nothing_behind():
    tasks = len(asyncio.all_tasks())
    async with serving(echo) as server:
        async with connected(server.port) as client:
            for _ in range(300):
                await client.send(post(b"Content-Length: 2") + b"hi")
                await client.exactly(len(ok(b"POST /v1/messages hi")))

        async def visit():
            async with connected(server.port) as client:
                for _ in range(10):
                    await client.send(get())
                    await client.exactly(len(ok(b"GET / ")))

        for _ in range(7):
            await asyncio.gather(*[visit() for _ in range(10)])
        await eventually(lambda: server.connections == 0)

        assert server.in_flight == 0
        assert len(server._service.sweep._watched) == 0
    assert len(asyncio.all_tasks()) == tasks


async def test_counts_tell_what_is_connected_and_what_is_in_flight():
    go_on = asyncio.Event()

    async def handler(exchange):
        await go_on.wait()
        exchange.respond(200, [], b"")

    async with (
        serving(handler) as server,
        connected(server.port) as busy,
        connected(server.port),
    ):
        await busy.send(get())
        await eventually(lambda: server.in_flight == 1)

        assert server.connections == 2
        go_on.set()
        await busy.exactly(len(ok(b"")))
        assert server.in_flight == 0


async def test_an_address_in_use_is_an_error():
    async with serving(echo) as server:
        other = Server(echo, reject)
        with pytest.raises(OSError, match="in use"):
            await other.start("127.0.0.1", server.port)
        await other.close()


async def test_a_finished_request_is_freed_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    others = alive(Exchange, RequestBody, RequestHead, ClientConnection)
    try:
        async with serving(echo) as server, connected(server.port) as client:
            for _ in range(20):
                await client.send(post(b"Content-Length: 2") + b"hi")
                await client.exactly(len(ok(b"POST /v1/messages hi")))
            await eventually(lambda: alive(Exchange, RequestBody, RequestHead) <= others)
        await eventually(lambda: alive(ClientConnection) <= others)
    finally:
        gc.enable()


def alive(*kinds):
    """Which of these there are; other tests may hold some of their own."""
    return {id(thing) for thing in gc.get_objects() if isinstance(thing, kinds)}

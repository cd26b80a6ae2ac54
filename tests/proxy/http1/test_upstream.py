import asyncio
import socket
from contextlib import suppress

import pytest

from proxy.errors import StageTimeoutError, TruncatedError, UnreachableError, WorkerBrokeError
from proxy.http1.upstream import Origin
from tests.proxy.http1.hostile_workers import UNUSABLE
from tests.proxy.http1.rig import PATIENCE, Collected, eventually, pause, upstreams, worker

REQUEST = b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n"
EMPTY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def hear(peer):
    """Take one request of the usual form."""
    return await peer.line_end(b"\r\n\r\nhi")


def saying(*pieces, hang_up=False):
    """A worker that answers every request on a connection with the same bytes."""

    async def script(peer):
        while True:
            await hear(peer)
            for piece in pieces:
                peer.writer.write(piece)
                await pause(0.002)
            if hang_up:
                return

    return script


def saying_at_once(answer):
    async def script(peer):
        while True:
            await hear(peer)
            peer.writer.write(answer)

    return script


async def silent(peer):
    await peer.rest()


async def ask(ups, origin, *, body=b"hi", limit=1_000_000):
    async with ups.exchange(origin, REQUEST, body) as answer:
        return answer.head.status, await answer.body(limit)


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


async def test_a_worker_may_answer_before_it_has_the_whole_request():
    async def script(peer):
        await peer.exactly(10)
        peer.writer.write(HELLO)
        await asyncio.Event().wait()

    async with worker(script) as origin, upstreams() as ups:
        assert await ask(ups, origin, body=b"a" * 30_000_000) == (200, b"hello")
        assert ups.connections == 0


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

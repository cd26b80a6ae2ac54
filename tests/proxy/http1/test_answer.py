import asyncio

import pytest

from proxy.errors import TruncatedError, WorkerBrokeError
from proxy.http1.answer import MOST_HELD, Answer
from proxy.http1.framing import parse_response_head
from tests.proxy.http1.rig import Collected, connected, worker

LENGTH_5 = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
UNTIL_END = b"HTTP/1.1 200 OK\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture
async def transport():
    async def script(peer):
        await peer.rest()

    async with worker(script) as origin, connected(origin.port) as peer:
        yield peer.writer.transport


def answer(raw, transport):
    return Answer(parse_response_head(raw, "GET"), transport, asyncio.get_running_loop())


async def test_the_payload_goes_to_the_sink_as_it_comes_and_then_the_end(transport):
    arriving, sink = answer(LENGTH_5, transport), Collected()
    arriving.deliver(sink)
    arriving.receive(b"he")
    assert (sink.payload, sink.endings) == (b"he", [])
    arriving.receive(b"llo")

    assert (sink.payload, sink.endings) == (b"hello", [None])
    assert arriving.ended
    assert arriving.reusable


async def test_a_late_sink_gets_everything_at_once(transport):
    arriving, sink = answer(LENGTH_5, transport), Collected()
    arriving.receive(b"he")
    arriving.receive(b"llo")
    arriving.deliver(sink)

    assert (sink.payload, sink.endings) == (b"hello", [None])


async def test_the_end_comes_once(transport):
    arriving, sink = answer(CHUNKED, transport), Collected()
    arriving.deliver(sink)
    arriving.receive(b"0\r\n\r\n")
    arriving.end_of_file(clean=True)
    arriving.end_of_file(clean=False)
    arriving.end(WorkerBrokeError("late"))

    assert sink.endings == [None]


@pytest.mark.parametrize(
    ("raw", "clean", "whole"),
    [
        (UNTIL_END, True, True),
        (UNTIL_END, False, False),
        (LENGTH_5, True, False),
        (CHUNKED, True, False),
    ],
)
async def test_an_end_of_file_ends_only_what_lasts_until_it(transport, raw, clean, whole):
    arriving, sink = answer(raw, transport), Collected()
    arriving.deliver(sink)
    arriving.end_of_file(clean=clean)

    assert isinstance(sink.endings[0], type(None) if whole else TruncatedError)
    assert not arriving.reusable


async def test_bytes_after_the_end_reach_nobody_and_spoil_the_connection(transport):
    arriving, sink = answer(LENGTH_5, transport), Collected()
    arriving.deliver(sink)
    arriving.receive(b"hello")
    assert arriving.reusable
    arriving.receive(b"HTTP/1.1 200 OK\r\n")

    assert sink.payload == b"hello"
    assert not arriving.reusable


async def test_a_dropped_answer_says_nothing_more(transport):
    arriving, sink = answer(LENGTH_5, transport), Collected()
    arriving.deliver(sink)
    arriving.drop()
    arriving.receive(b"hello")
    arriving.end_of_file(clean=True)

    assert (sink.payload, sink.endings) == (b"", [])


async def test_reading_stops_where_nobody_takes_and_goes_on_with_a_sink(transport):
    arriving, sink = answer(UNTIL_END, transport), Collected()
    arriving.receive(b"a" * MOST_HELD)
    assert not arriving.stopped
    arriving.receive(b"a")
    assert arriving.stopped
    assert not transport.is_reading()
    arriving.deliver(sink)

    assert not arriving.stopped
    assert transport.is_reading()
    assert len(sink.payload) == MOST_HELD + 1


async def test_a_sink_that_pauses_in_its_last_piece_leaves_the_connection_reading(transport):
    arriving = answer(LENGTH_5, transport)

    class Pausing(Collected):
        def feed(self, payload):
            super().feed(payload)
            arriving.pause()

    sink = Pausing()
    arriving.deliver(sink)
    arriving.receive(b"hello")

    assert sink.endings == [None]
    assert transport.is_reading()


async def test_a_sink_that_pauses_over_what_was_held_is_left_in_peace(transport):
    arriving = answer(UNTIL_END, transport)

    class Pausing(Collected):
        def feed(self, payload):
            super().feed(payload)
            arriving.pause()

    arriving.receive(b"a" * (MOST_HELD + 1))
    arriving.deliver(Pausing())
    assert not transport.is_reading()
    arriving.resume()

    assert transport.is_reading()


async def test_a_pause_from_before_the_sink_stays(transport):
    arriving = answer(UNTIL_END, transport)
    arriving.pause()
    arriving.receive(b"a" * (MOST_HELD + 1))
    arriving.deliver(Collected())

    assert not transport.is_reading()


@pytest.mark.parametrize("early", [True, False])
async def test_a_small_answer_may_be_wanted_whole(transport, early):
    arriving = answer(CHUNKED, transport)
    pieces = [b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n"]
    async with asyncio.TaskGroup() as tasks:
        if early:
            for piece in pieces:
                arriving.receive(piece)
        whole = tasks.create_task(arriving.body(5))
        if not early:
            for piece in pieces:
                asyncio.get_running_loop().call_soon(arriving.receive, piece)

    assert whole.result() == b"abcde"


@pytest.mark.parametrize("early", [True, False])
async def test_an_answer_that_is_too_long_to_be_wanted_whole_is_an_error(transport, early):
    arriving = answer(LENGTH_5, transport)
    if early:
        arriving.receive(b"hello")
    else:
        asyncio.get_running_loop().call_soon(arriving.receive, b"hello")
    with pytest.raises(WorkerBrokeError, match="limit"):
        await arriving.body(4)

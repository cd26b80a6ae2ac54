"""What passes the gate, what does not, and what is made of streams that lie."""

import asyncio

import pytest

from tests.e2e.streaming import events, read
from tests.proxy.raw_worker import LAST, RawWorker, chunk, sse_head

START = (
    b"event: message_start\n"
    b'data: {"type":"message_start","message":{"usage":{"input_tokens":7}}}\n\n'
)
DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0}\n\n'
USAGE = b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":5}}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
ERROR = b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"x"}}\n\n'
STREAM = START + DELTA + USAGE + STOP


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([chunk(STREAM), LAST], id="in one chunk"),
        pytest.param([chunk(STREAM[n : n + 1]) for n in range(len(STREAM))] + [LAST], id="bytes"),
        pytest.param(
            [chunk(STREAM)[n : n + 7] for n in range(0, 999, 7)] + [LAST], id="cut chunks"
        ),
        pytest.param([chunk(STREAM), b"0\r\nx-late: trailer\r\n\r\n"], id="a trailer"),
        pytest.param([chunk(STREAM), LAST, b"HTTP/1.1 200 OK\r\n\r\n"], id="a second answer"),
    ],
)
async def test_a_streams_payload_arrives_however_it_was_framed(fleet_of, pieces):
    async with fleet_of(RawWorker(sse_head(), *pieces)) as fleet:
        async with fleet.post("hi", stream=True) as answer:
            got, clean = await read(answer)
        line = await fleet.line()

    assert (answer.status, got, clean) == (200, STREAM, True)
    assert (line["input_tokens"], line["output_tokens"]) == (7, 5)


async def test_a_stream_of_one_giant_event_passes(fleet_of):
    giant = b'event: content_block_delta\ndata: {"text":"' + b"x" * 2_000_000 + b'"}\n\n'
    async with (
        fleet_of(RawWorker(sse_head(), chunk(START), chunk(giant + STOP), LAST)) as fleet,
        fleet.post("hi", stream=True) as answer,
    ):
        got, clean = await read(answer)

    assert clean
    assert got == START + giant + STOP


async def test_a_clean_end_without_the_terminal_event_is_told(fleet_of):
    async with fleet_of(RawWorker(sse_head(), chunk(START + DELTA), LAST)) as fleet:
        async with fleet.post("hi", stream=True) as answer:
            got, clean = await read(answer)
        line = await fleet.line()

    assert got.startswith(START + DELTA)
    assert (clean, events(got)[-1]) == (False, "error")
    assert line["outcome"] == "truncated"


async def test_half_an_event_is_closed_before_the_error(fleet_of):
    async with (
        fleet_of(RawWorker(sse_head(), chunk(START + DELTA + DELTA[:30]), close=True)) as f,
        f.post("hi", stream=True) as answer,
    ):
        got, _ = await read(answer)

    assert got.startswith(START + DELTA + DELTA[:30] + b"\n\nevent: error\n")


async def test_a_failure_after_content_goes_on_as_it_came_and_is_cut(fleet_of):
    seen = asyncio.Event()
    worker = RawWorker(sse_head(), chunk(START + DELTA), seen, chunk(ERROR), LAST)
    async with fleet_of(worker) as fleet:
        async with fleet.post("hi", stream=True) as answer:
            got = await answer.content.readany()
            seen.set()
            rest, clean = await read(answer)
        line = await fleet.line()

    assert (got + rest, clean) == (START + DELTA + ERROR, False)
    assert line["outcome"] == "failed_midway"
    assert len(worker.requests) == 1


async def test_a_failure_beside_content_is_an_honest_status_and_not_tried_again(fleet_of):
    worker = RawWorker(sse_head(), chunk(START + DELTA + ERROR), LAST)
    async with fleet_of(worker) as fleet, fleet.post("hi", stream=True) as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["type"]) == (502, "api_error")
    assert len(worker.requests) == 1


async def test_silence_before_content_opens_the_gate_in_time(fleet_of):
    worker = RawWorker(sse_head(), chunk(START))
    async with (
        fleet_of(worker, timeouts={"first_content": 0.2, "ping": 0.2}) as fleet,
        fleet.post("hi", stream=True) as answer,
    ):
        got = await answer.content.readuntil(b": ping\n\n")

    assert answer.status == 200
    assert got.startswith(START)


async def test_the_tokens_of_a_stream_that_its_client_left_are_counted(fleet_of):
    never = asyncio.Event()
    async with fleet_of(RawWorker(sse_head(), chunk(START + DELTA), never)) as fleet:
        async with fleet.post("hi", stream=True) as answer:
            await answer.content.readany()
        line = await fleet.line()

    assert (line["outcome"], line["input_tokens"]) == ("client_gone", 7)

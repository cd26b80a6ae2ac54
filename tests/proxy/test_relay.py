"""What passes the gate, what does not, and what is made of answers that lie."""

import asyncio
import json

import pytest

from tests.e2e.streaming import events, read
from tests.proxy.raw_worker import LAST, RawWorker, chunk, sse_head, whole

JSON = b"content-type: application/json"
START = (
    b"event: message_start\n"
    b'data: {"type":"message_start","message":{"usage":{"input_tokens":7}}}\n\n'
)
DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0}\n\n'
USAGE = b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":5}}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
ERROR = b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"x"}}\n\n'
STREAM = START + DELTA + USAGE + STOP
BROKEN = json.dumps({"type": "error", "error": {"type": "api_error", "message": "x"}}).encode()


async def test_a_short_body_arrives_whole_and_its_tokens_are_counted(fleet_of):
    body = b'{"usage": {"input_tokens": 3, "output_tokens": 4}}'
    async with fleet_of(RawWorker(whole(body, JSON))) as fleet:
        status, got = await fleet.bytes()
        line = await fleet.line()

    assert (status, got) == (200, body)
    assert (line["input_tokens"], line["output_tokens"]) == (3, 4)


async def test_a_body_without_a_length_is_looked_into_too(fleet_of):
    body = b'{"usage": {"input_tokens": 3, "output_tokens": 4}}'
    head = b"HTTP/1.1 200 OK\r\n" + JSON + b"\r\ntransfer-encoding: chunked\r\n\r\n"
    async with fleet_of(RawWorker(head, chunk(body[:9]), chunk(body[9:]), LAST)) as fleet:
        status, got = await fleet.bytes()
        line = await fleet.line()

    assert (status, got) == (200, body)
    assert (line["input_tokens"], line["output_tokens"]) == (3, 4)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_failure_in_a_200_body_is_no_answer(fleet_of, chunked):
    head = b"HTTP/1.1 200 OK\r\n" + JSON + b"\r\ntransfer-encoding: chunked\r\n\r\n"
    pieces = (head, chunk(BROKEN), LAST) if chunked else (whole(BROKEN, JSON),)
    async with fleet_of(RawWorker(*pieces)) as fleet:
        status, got = await fleet.bytes()

    assert status == 502
    assert json.loads(got)["error"]["type"] == "api_error"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_long_body_passes_through_byte_for_byte(fleet_of, chunked):
    body = bytes(range(256)) * 16_384
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n"
    if chunked:
        pieces = (head + b"transfer-encoding: chunked\r\n\r\n", chunk(body), LAST)
    else:
        pieces = (head + b"content-length: %d\r\n\r\n" % len(body), body)
    async with fleet_of(RawWorker(*pieces)) as fleet:
        status, got = await fleet.bytes()

    assert status == 200
    assert got == body


async def test_a_long_body_that_breaks_off_never_ends_cleanly(fleet_of):
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n"
    async with (
        fleet_of(RawWorker(head, bytes(1_000_000), close=True)) as fleet,
        fleet.post("hi") as answer,
    ):
        _, clean = await read(answer)

    assert (answer.status, clean) == (200, False)


async def test_a_short_body_that_breaks_off_is_a_502(fleet_of):
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n"
    async with fleet_of(RawWorker(head, bytes(100), close=True)) as fleet:
        status, got = await fleet.bytes()

    assert status == 502
    assert json.loads(got)["type"] == "error"


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


async def test_head_is_answered_with_the_length_and_no_body(fleet_of):
    async with (
        fleet_of(RawWorker(b"HTTP/1.1 200 OK\r\ncontent-length: 57\r\n\r\n")) as fleet,
        fleet.http.head(f"{fleet.url}/v1/models") as answer,
    ):
        got = await answer.read()

    assert (answer.status, got) == (200, b"")
    assert answer.headers["content-length"] == "57"

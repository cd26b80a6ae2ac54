"""Short answers are looked into and go out whole; long ones pass as they come."""

import json

import pytest

from tests.e2e.streaming import read
from tests.proxy.raw_worker import LAST, RawWorker, chunk, whole

JSON = b"content-type: application/json"
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


async def test_head_is_answered_with_the_length_and_no_body(fleet_of):
    async with (
        fleet_of(RawWorker(b"HTTP/1.1 200 OK\r\ncontent-length: 57\r\n\r\n")) as fleet,
        fleet.http.head(f"{fleet.url}/v1/models") as answer,
    ):
        got = await answer.read()

    assert (answer.status, got) == (200, b"")
    assert answer.headers["content-length"] == "57"

import time

import aiohttp
import pytest

STOP = "event: message_stop"
BROKEN = (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


async def read(client, said, *, stream):
    """What arrives of the body, and whether its end was clean."""
    body = b""
    try:
        async with client.post(said, stream=stream) as answer:
            async for chunk in answer.content.iter_any():
                body += chunk
    except BROKEN:
        return body.decode(), False
    return body.decode(), True


@pytest.mark.parametrize(
    ("fault", "events", "clean"),
    [
        ("refused", 0, False),
        ("cut at=head", 0, False),
        ("cut at=start", 0, False),
        ("cut at=3", 3, False),
        ("reset at=3", None, False),
        ("empty", 0, True),
        ("no_stop", 8, True),
        ("dribble", 9, True),
    ],
)
async def test_a_stream_breaks_where_and_how_it_is_told_to(client, fault, events, clean):
    body, ended = await read(client, f"say: one two three [[sim:fault={fault}]]", stream=True)

    assert ended is clean
    # After a reset the kernel may drop what was not yet read.
    assert events is None or body.count("event: ") == events
    assert (STOP in body) is (fault == "dribble")


@pytest.mark.parametrize(
    ("fault", "events"),
    [("error_first", ["error"]), ("error_mid at=2", ["message_start", "ping", "error"])],
)
async def test_an_error_event_ends_a_stream(client, fault, events):
    said = f"[[sim:fault={fault} kind=rate_limit_error]]"
    body, ended = await read(client, said, stream=True)

    names = [line[7:] for line in body.split("\n") if line.startswith("event: ")]
    assert (names, ended) == (events, True)
    assert '"type":"rate_limit_error"' in body


@pytest.mark.parametrize(
    ("fault", "clean", "whole"),
    [
        ("cut", False, False),
        ("refused", False, False),
        ("no_stop", True, False),
        ("empty", True, False),
        ("dribble", True, True),
        ("error_mid", True, False),
        ("json_error", True, False),
    ],
)
async def test_a_json_body_breaks_as_well(client, fault, clean, whole):
    body, ended = await read(client, f"say: one two [[sim:fault={fault}]]", stream=False)

    assert ended is clean
    assert body.endswith('"service_tier":"standard"}}') is whole
    assert ('"type":"error"' in body) is (fault in {"error_mid", "json_error"})


@pytest.mark.parametrize(("at", "events"), [("head", 0), ("start", 0), ("4", 4)])
async def test_a_stalled_answer_stays_silent_until_the_client_leaves(sim, client, at, events):
    timeout = aiohttp.ClientTimeout(total=0.2)
    async with aiohttp.ClientSession(timeout=timeout) as client.session:
        with pytest.raises(TimeoutError):
            await read(client, f"[[sim:fault=stall at={at}]]", stream=True)
    await sim.until(lambda: sim.tally.left == 1)
    (record,) = sim.calls

    assert (record.fault, record.events) == ("stall", events)
    assert (record.status is None) is (at == "head")


async def test_events_come_at_their_pace_and_after_the_latency(client):
    began = time.monotonic()
    async with client.post("[[sim:tokens=5 rate=50 latency=0.1]]", stream=True) as answer:
        headed = time.monotonic() - began
        body = await answer.text()
    ended = time.monotonic() - began

    events = body.count("event: ")
    assert headed >= 0.1
    assert ended >= 0.1 + (events - 1) / 50

"""Streams through the whole: true to the byte, told when they break, ended when nobody listens."""

import asyncio
import json

import pytest

from tests.e2e.rig import plain, team
from tests.e2e.streaming import events, read, stream
from tests.simulator_rig import Simulator


@pytest.fixture
async def fleet(tmp_path):
    async with (
        Simulator() as simulator,
        team(
            tmp_path,
            [plain(name, simulator) for name in ("ann", "bob")],
            simulator,
            timeouts={"stream_idle": 2, "first_byte": 2, "first_content": 0.3, "ping": 0.4},
        ) as fleet,
    ):
        yield fleet


async def test_a_stream_arrives_byte_for_byte(fleet):
    prompt = "say: <b>ünïcödé 🙂</b> ```code```"
    status, got, clean = await stream(fleet, prompt)
    asked = {"model": "claude-sonnet-5-5", "max_tokens": 200, "stream": True}
    asked["messages"] = [{"role": "user", "content": prompt}]
    direct = fleet.http.post(f"{fleet.simulator.url}/v1/messages", json=asked)
    async with direct as answer:
        expected = await answer.read()

    def bare(text):
        return text.partition(b"\n\n")[2]

    assert (status, clean) == (200, True)
    assert bare(got) == bare(expected)


async def test_a_dribbled_stream_arrives_whole(fleet):
    status, got, clean = await stream(fleet, "[[sim:fault=dribble]] say: slowly but surely")

    assert (status, clean) == (200, True)
    assert events(got)[-1] == "message_stop"


@pytest.mark.parametrize("fault", ["cut", "reset", "no_stop"])
async def test_a_broken_stream_is_told_and_never_ends_cleanly(fleet, fault):
    status, got, clean = await stream(fleet, f"[[sim:fault={fault}]] [[sim:tokens=40]]")

    assert (status, clean) == (200, False)
    assert events(got)[-1] == "error"
    assert "message_stop" not in events(got)
    assert json.loads(got.decode().rsplit("data: ", 1)[1])["type"] == "error"
    assert len(fleet.simulator.calls) == 1


async def test_a_stalled_stream_is_ended_after_its_idle_time(fleet):
    status, got, clean = await stream(fleet, "[[sim:fault=stall]] [[sim:tokens=40]]")

    assert (status, clean) == (200, False)
    assert events(got)[-1] == "error"


async def test_an_upstreams_own_error_in_mid_stream_is_passed_on_once(fleet):
    status, got, clean = await stream(fleet, "[[sim:fault=error_mid]] [[sim:tokens=40 rate=50]]")

    assert (status, clean) == (200, False)
    assert events(got).count("error") == 1
    assert len(fleet.simulator.calls) == 1


async def test_an_error_as_the_first_event_is_an_honest_status(fleet):
    fleet.simulator.fault("error_first", count=None)
    async with fleet.post("hi", stream=True) as answer:
        body = await answer.json()

    assert answer.status == 529
    assert body["error"]["type"] == "overloaded_error"


@pytest.mark.parametrize("fault", ["empty", "refused"])
async def test_a_turn_that_may_have_started_is_not_sent_again(fleet, fault):
    fleet.simulator.fault(fault, count=None)
    async with fleet.post("hi", stream=True) as answer:
        body = await answer.json()

    assert answer.status == 502
    assert body["error"]["type"] == "api_error"
    assert len(fleet.simulator.calls) == 1


async def test_silence_before_the_first_byte_ends_in_a_504(fleet):
    async with fleet.post("[[sim:fault=hang]] hi", stream=True) as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["type"]) == (504, "timeout_error")
    assert answer.headers["x-should-retry"] == "false"
    assert len(fleet.simulator.calls) == 1


async def test_a_slow_stream_is_kept_alive_between_its_events(fleet):
    _, got, clean = await stream(fleet, "[[sim:tokens=2 rate=2]]")

    assert clean
    assert b"\n\n: ping\n\n" in got
    assert events(got)[-1] == "message_stop"


@pytest.mark.parametrize("prompt", ["[[sim:tokens=400 rate=20]]", "[[sim:fault=hang]] hi"])
async def test_a_client_that_leaves_ends_its_turn_within_a_second(fleet, prompt):
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(stream(fleet, prompt))
        await fleet.simulator.until(lambda: fleet.simulator.calls)
        asking.cancel()
        await fleet.simulator.until(lambda: fleet.simulator.calls[0].left, seconds=1)

    (state,) = {status.in_flight for status in (await fleet.states()).values()}
    assert state == 0


async def test_a_slow_reader_slows_the_worker_and_not_the_others(fleet):
    prompt = "[[sim:tokens=200000]]"
    async with fleet.post(prompt, stream=True, max_tokens=200_000) as slow:
        await slow.content.readany()
        slow.content._protocol.pause_reading()
        statuses = [(await fleet.ask(f"hi {n}"))[0] for n in range(5)]
        assert statuses == [200] * 5
        assert fleet.app.server.in_flight == 1
        slow.content._protocol.resume_reading()
        got, clean = await read(slow)

    assert clean
    assert events(got)[-1] == "message_stop"

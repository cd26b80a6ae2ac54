"""The whole proxy as a process: it starts, says so, drains, and stops."""

import asyncio
import gc
import re
import signal
import socket

import pytest

from proxy.process import seldom_collecting
from tests.e2e.rig import Serving, plain
from tests.e2e.streaming import events, read
from tests.simulator_rig import Simulator


@pytest.fixture
async def simulator():
    async with Simulator() as simulator:
        yield simulator


async def test_sigterm_turns_unready_finishes_what_runs_and_exits_0(tmp_path, simulator):
    async with Serving(tmp_path, plain("ann", simulator)) as serving:
        async with serving.post("[[sim:tokens=80 rate=20]]") as answer:
            first = await answer.content.readany()
            serving.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(5):
                while await serving.ready() != 503:
                    pass
            rest, clean = await read(answer)
        code = await asyncio.wait_for(serving.process.wait(), 10)

    assert (clean, events(first + rest)[-1]) == (True, "message_stop")
    assert code == 0
    assert "Traceback" not in serving.errors.read_text()


async def test_new_requests_are_served_during_the_dwell(tmp_path, simulator):
    timeouts = {"drain_dwell": 3, "drain": 5}
    async with Serving(tmp_path, plain("ann", simulator), timeouts=timeouts) as serving:
        serving.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            while await serving.ready() != 503:
                pass
        async with serving.post("say: still here") as answer:
            got, clean = await read(answer)

    assert (answer.status, clean) == (200, True)
    assert answer.headers["connection"] == "close"
    assert b"here" in got


async def test_a_second_signal_is_fast_and_tells_the_stragglers(tmp_path, simulator):
    async with Serving(tmp_path, plain("ann", simulator)) as serving:
        async with serving.post("[[sim:tokens=4000 rate=10]]") as answer:
            await answer.content.readany()
            serving.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(5):
                while await serving.ready() != 503:
                    pass
            serving.process.send_signal(signal.SIGTERM)
            _, clean = await asyncio.wait_for(read(answer), 5)
        code = await asyncio.wait_for(serving.process.wait(), 5)

    assert (clean, code) == (False, 0)


async def test_a_stream_longer_than_the_drain_ends_with_a_typed_error(tmp_path, simulator):
    timeouts = {"drain_dwell": 0, "drain": 0.5}
    async with Serving(tmp_path, plain("ann", simulator), timeouts=timeouts) as serving:
        async with serving.post("[[sim:tokens=4000 rate=10]]") as answer:
            first = await answer.content.readany()
            serving.process.send_signal(signal.SIGTERM)
            rest, clean = await asyncio.wait_for(read(answer), 5)
        code = await asyncio.wait_for(serving.process.wait(), 5)

    assert (clean, code) == (False, 0)
    assert events(first + rest)[-1] == "error"


async def test_a_taken_port_is_one_clear_line(tmp_path, simulator):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        serving = Serving(tmp_path, plain("ann", simulator), listen=address)
        process = await serving.start()
        code = await asyncio.wait_for(process.wait(), 20)

    assert code == 1
    assert re.fullmatch(r"headgate: .*in use.*\n", serving.errors.read_text())


def test_garbage_is_collected_as_before_once_it_no_longer_serves():
    before = gc.get_threshold()
    with seldom_collecting():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count()

    assert gc.get_threshold() == before
    assert not gc.get_freeze_count()

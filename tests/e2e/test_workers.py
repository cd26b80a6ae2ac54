"""Workers that die, are killed or refuse: another serves, or the client is told."""

import asyncio
import signal

import psutil
import pytest

from tests.e2e.rig import api_engine, cli_engine, served_by, team, worker
from tests.e2e.streaming import events, read
from tests.simulator_rig import Simulator


@pytest.fixture
async def simulator():
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def workers(tmp_path, simulator):
    async with (
        worker("ann", api_engine("ann", simulator), tmp_path) as ann,
        worker("bob", api_engine("bob", simulator), tmp_path) as bob,
    ):
        yield {"ann": ann, "bob": bob}


@pytest.fixture
async def fleet(tmp_path, simulator, workers):
    accounts = [served_by(name, process) for name, process in workers.items()]
    async with team(tmp_path, accounts, simulator, timeouts={"connect": 1}) as fleet:
        yield fleet


def kill(process):
    process.process.send_signal(signal.SIGKILL)


async def test_a_worker_killed_before_the_request_is_passed_over(fleet, workers):
    kill(workers["ann"])
    await workers["ann"].process.wait()
    answers = [await fleet.ask(f"hi {n}") for n in range(12)]

    assert {status for status, _ in answers} == {200}
    assert {call.account for call in fleet.simulator.calls} == {"bob"}


async def test_a_killed_worker_is_soon_known_to_be_gone(fleet, workers):
    kill(workers["ann"])
    async with asyncio.timeout(10):
        while (await fleet.states())["ann"].state != "not_ready":
            await fleet.ask("hi")

    assert (await fleet.states())["ann"].detail == "unreachable"


async def test_a_worker_killed_in_mid_stream_is_told_and_cut(fleet, workers):
    async with fleet.post("[[sim:tokens=400 rate=20]]", stream=True) as answer:
        first = await answer.content.readany()
        kill(workers[fleet.simulator.calls[0].account])
        rest, clean = await read(answer)
    got = first + rest

    assert (answer.status, clean) == (200, False)
    assert events(got)[-1] == "error"
    assert "message_stop" not in events(got)
    assert len(fleet.simulator.calls) == 1


async def test_a_limit_at_the_provider_rests_the_account_until_its_reset(fleet):
    fleet.simulator.exhaust("ann", resets_in=1800)
    answers = [await fleet.ask(f"hi {n}") for n in range(12)]
    now, state = fleet.app.pool.now(), (await fleet.states())["ann"]

    assert {status for status, _ in answers} == {200}
    assert sum(call.account == "ann" for call in fleet.simulator.calls) == 1
    assert state.state == "quota"
    assert state.cooldowns["*"].until - now == pytest.approx(1800, abs=10)


@pytest.mark.cli
@pytest.mark.timeout(180)
async def test_a_login_that_meets_its_limit_rests_and_its_conversations_go_on_elsewhere(
    tmp_path, simulator
):
    def login(name):
        engine = cli_engine(name, simulator, tmp_path, "CLAUDE_CODE_OAUTH_TOKEN")
        return worker(name, engine, tmp_path)

    async def turn(fleet, session, *said):
        messages = [
            {"role": "user" if n % 2 == 0 else "assistant", "content": words}
            for n, words in enumerate(said)
        ]
        headers = {"x-session-id": session}
        async with fleet.post("", messages=messages, headers=headers) as answer:
            return answer.status, (await answer.json())["content"][0]["text"]

    async with login("ann") as ann, login("bob") as bob:
        accounts = [served_by("ann", ann), served_by("bob", bob)]
        async with team(tmp_path, accounts, simulator) as fleet:
            first = {}
            for n in range(6):
                session = f"session-{n}"
                remember = f"remember the word heron{n}"
                first[session] = (remember, (await turn(fleet, session, remember))[1])
            simulator.exhaust("ann", resets_in=3600)
            second = [await turn(fleet, s, *said, "which word?") for s, said in first.items()]
            now, state = fleet.app.pool.now(), (await fleet.states())["ann"]

    assert [status for status, _ in second] == [200] * 6
    assert all(f"heron{n}" in text for n, (_, text) in enumerate(second))
    assert state.state == "quota"
    assert state.cooldowns["*"].until - now == pytest.approx(3600, abs=20)
    assert sum(call.account == "ann" and call.status == 429 for call in simulator.calls) == 1


@pytest.mark.cli
@pytest.mark.timeout(180)
async def test_aborted_turns_leave_no_process_behind(tmp_path, simulator):
    engine = cli_engine("ann", simulator, tmp_path, max_processes=4, warm=2)
    async with (
        worker("ann", engine, tmp_path) as ann,
        team(tmp_path, [served_by("ann", ann, concurrency=4)], simulator) as fleet,
    ):
        parent = psutil.Process(ann.process.pid)

        async def abort(n):
            async with fleet.post(f"[[sim:tokens=500 rate=20]] {n}", stream=True) as answer:
                await answer.content.readany()

        for start in range(0, 40, 4):
            await asyncio.gather(*(abort(start + n) for n in range(4)))
        await simulator.until(lambda: all(call.left for call in simulator.calls), seconds=5)
        status, _ = await fleet.ask("say: still here")
        children = parent.children(recursive=True)

    assert status == 200
    assert len(children) <= 4
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive

import asyncio
import json
import re
import sys
from contextlib import suppress

import psutil
import pytest

from tests.simulator_rig import ROOT, Simulator
from tests.worker.engines.cli_rig import (
    KEYED,
    OAUTH,
    assistant,
    processes,
    running,
    text_of,
    turn,
    user,
)
from worker.core.verdict import Kind, Scope, Verdict
from worker.engines.base import TurnFailedError
from worker.errors import BadRequestError, WorkerError

pytestmark = pytest.mark.cli

OWN = re.compile("# Environment|You are powered by|Today's date is")
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
LOOK = {
    "name": "look",
    "description": "Look at a place. " + "It is far away. " * 400,
    "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}},
}


@pytest.fixture
async def sim():
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def engine(tmp_path, sim):
    async with running(tmp_path, sim.url) as engine:
        yield engine


def body_of(call) -> dict:
    return json.loads(call.body)


def said(call) -> list[tuple[str, list[dict]]]:
    """What the provider was told, without what the CLI adds of its own."""
    found = []
    for message in body_of(call)["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        blocks = [{k: v for k, v in b.items() if k != "cache_control"} for b in blocks]
        blocks = [b for b in blocks if not OWN.search(b.get("text", ""))]
        if message["role"] != "system":
            found.append((message["role"], blocks))
    return found


def text(words: str) -> dict:
    return {"type": "text", "text": words}


async def events_of(engine, *messages, **fields):
    async with engine.turn(turn(*messages, **fields)) as events:
        return [event async for event in events]


async def remaining(most: int, seconds: float) -> None:
    """Processes of others tell nobody when they end: look until it is so."""
    async with asyncio.timeout(seconds):
        while len(processes()) > most:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_stream_says_what_the_provider_said_event_for_event(engine, sim):
    events = await events_of(engine, user("Tell me something [[sim:tokens=40]]"))

    names = [event.name for event in events]
    deltas = [json.loads(e.data)["delta"] for e in events if e.name == "content_block_delta"]
    whole = await engine.message(turn(user("Tell me something [[sim:tokens=40]]"), client="bob"))
    assert names[:2] == ["message_start", "content_block_start"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert len(deltas) > 10
    assert "".join(delta["text"] for delta in deltas) == text_of(whole)
    assert len(sim.calls) == 2


async def test_every_tool_reaches_the_provider_or_the_request_is_refused(engine, sim):
    await engine.message(turn(user("hello"), tools=[LOOK, {"name": "go", "description": None}]))
    with pytest.raises(BadRequestError, match="input_schema"):
        await engine.message(turn(user("hi"), tools=[LOOK, {"name": "go", "input_schema": {}}]))
    wrong = {"type": "object", "properties": {"a": {"type": 5}}}
    with pytest.raises(TurnFailedError, match="does not take go") as refused:
        await engine.message(turn(user("hi"), tools=[LOOK, {"name": "go", "input_schema": wrong}]))
    await remaining(1, seconds=2)

    assert (refused.value.status, refused.value.verdict) == (400, Verdict(Kind.CLIENT_ERROR))
    offered = [[tool["name"] for tool in body_of(call)["tools"]] for call in sim.calls]
    assert offered[0] == ["mcp__c__go", "mcp__c__look"]


async def test_the_provider_gets_the_system_prompt_the_model_and_the_fields(engine, sim):
    await engine.message(
        turn(
            user("hello"),
            model="claude-opus-4-5",
            max_tokens=123,
            system=[
                {**text("Be brief."), "cache_control": {"type": "ephemeral"}},
                text("In verse."),
            ],
            temperature=0.25,
            stop_sequences=["END"],
        )
    )

    body = body_of(sim.calls[0])
    assert (body["model"], body["max_tokens"]) == ("claude-opus-4-5", 123)
    assert (body["temperature"], body["stop_sequences"]) == (0.25, ["END"])
    assert body["system"][-1]["text"] == "Be brief.\n\nIn verse."
    assert "thinking" not in body
    assert body["tools"] == []


async def test_text_that_looks_like_a_command_or_a_file_is_only_text(engine, sim):
    await engine.message(turn(user("/compact @/etc/hostname")))

    assert said(sim.calls[0]) == [("user", [text("/compact @/etc/hostname")])]


async def test_a_conversation_goes_on_in_the_process_that_remembers_it(engine, sim):
    first = user("Remember the word plum.")
    answer = json.loads(await engine.message(turn(first)))
    before = {process.pid for process in processes()}
    second = await engine.message(
        turn(
            user([{**text("Remember the word plum."), "cache_control": {"type": "ephemeral"}}]),
            assistant(answer["content"][0]["text"]),
            user("What was the word?"),
        )
    )

    assert "plum" in text_of(second)
    assert {process.pid for process in processes()} == before
    assert len(sim.calls) == 2


async def test_a_fresh_process_is_told_the_history_as_turns(engine, sim):
    history = [
        user("Remember the word plum."),
        assistant([text("I will.")]),
        user([{"type": "image", "source": image()}, text("What is this?")]),
        assistant("A pixel."),
    ]
    answer = await engine.message(turn(*history, user("What was the word?")))

    assert "plum" in text_of(answer)
    assert said(sim.calls[0]) == [
        ("user", [text("Remember the word plum.")]),
        ("assistant", [text("I will.")]),
        ("user", [{"type": "image", "source": image()}, text("What is this?")]),
        ("assistant", [text("A pixel.")]),
        ("user", [text("What was the word?")]),
    ]


async def test_no_client_gets_a_process_that_remembers_anothers_words(engine):
    answer = json.loads(await engine.message(turn(user("Remember the word plum."))))
    before = {process.pid for process in processes()}
    again = [user("Remember the word plum."), assistant(answer["content"]), user("And now?")]
    await engine.message(turn(*again, client="bob"))

    assert len({process.pid for process in processes()} - before) == 1


async def test_settings_of_one_turn_do_not_stay_for_the_next(engine, sim):
    first = user("hello")
    answer = json.loads(await engine.message(turn(first, temperature=0.5, max_tokens=200)))
    await engine.message(turn(first, assistant(answer["content"]), user("more"), max_tokens=77))

    body = body_of(sim.calls[1])
    assert (body["max_tokens"], body["temperature"]) == (77, 1)


async def test_thinking_is_as_the_client_asks(engine, sim):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    message = json.loads(
        await engine.message(turn(user("hello"), thinking=thinking, max_tokens=4000))
    )

    assert body_of(sim.calls[0])["thinking"] == thinking
    assert message["content"][0]["type"] == "thinking"
    assert message["content"][0]["signature"]


async def test_a_message_that_runs_into_max_tokens_ends_there_and_its_process_too(engine, sim):
    message = json.loads(await engine.message(turn(user("[[sim:tokens=90]]"), max_tokens=3)))

    await remaining(0, seconds=2)
    assert message["stop_reason"] == "max_tokens"
    assert len(sim.calls) == 1


async def test_the_clients_tools_are_offered_and_called_and_answered(engine, sim):
    asked = user('Please [[sim:tool=look {"at":"home"}]] [[sim:tool=look {"at":"work"}]]')
    message = json.loads(await engine.message(turn(asked, tools=[LOOK])))
    calls = [block for block in message["content"] if block["type"] == "tool_use"]
    before = {process.pid for process in processes()}
    results = user([result(call["id"], f"saw {call['input']['at']}") for call in calls])
    answer = await engine.message(turn(asked, assistant(message["content"]), results, tools=[LOOK]))

    offered = body_of(sim.calls[0])["tools"]
    assert [(tool["description"], tool["input_schema"]) for tool in offered] == [
        (LOOK["description"], LOOK["input_schema"])
    ]
    assert message["stop_reason"] == "tool_use"
    assert [(call["name"], call["input"]) for call in calls] == [
        ("look", {"at": "home"}),
        ("look", {"at": "work"}),
    ]
    assert said(sim.calls[1])[-1] == ("user", results["content"])
    assert "saw home" in text_of(answer)
    assert {process.pid for process in processes()} == before


async def test_tool_calls_of_the_past_are_told_to_a_fresh_process_as_blocks(engine, sim):
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "home"}}
    results = user([result("toolu_1", "saw it")])
    await engine.message(turn(user("Look."), assistant([call]), results, tools=[LOOK]))

    told = said(sim.calls[0])
    assert told[1][1] == [{**call, "name": "mcp__c__look"}]
    assert told[2][1][0]["tool_use_id"] == "toolu_1"
    assert told[2][1][0]["content"].startswith("saw it")


async def test_a_system_message_in_mid_conversation_is_told_in_a_user_turn(engine, sim):
    notice = {"role": "system", "content": "The date has changed."}
    await engine.message(turn(user("hello"), notice, assistant("hi"), user("and?")))

    words = said(sim.calls[0])[0][1]
    assert text("<system-reminder>\nThe date has changed.\n</system-reminder>") in words


async def test_what_the_cli_would_hang_on_or_replace_never_reaches_it(engine, sim):
    stray = {"type": "tool_result", "tool_use_id": "toolu_9", "content": "seen"}
    for content in ([text(5)], [stray]):
        with pytest.raises(BadRequestError):
            await engine.message(turn({"role": "user", "content": content}))

    assert not sim.calls


async def test_server_tools_are_refused_and_not_left_out(engine, sim):
    with pytest.raises(BadRequestError, match="web_search"):
        await engine.message(
            turn(user("hi"), tools=[{"type": "web_search_20250305", "name": "web_search"}])
        )

    assert not sim.calls


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("rejected", (Kind.QUOTA, Scope.ACCOUNT, 429, False)),
        ("400", (Kind.CLIENT_ERROR, Scope.REQUEST, 400, False)),
        # The CLI would make up an end and ask again by itself.
        ("error_mid", (Kind.WORKER_ERROR, Scope.REQUEST, 502, True)),
    ],
)
async def test_a_failure_is_told_with_its_verdict_and_costs_the_process(engine, fault, expected):
    with pytest.raises(TurnFailedError) as failed:
        await engine.message(turn(user(f"hello [[sim:tokens=30]] [[sim:fault={fault}]]")))

    verdict = failed.value.verdict
    assert (verdict.kind, verdict.scope, failed.value.status, verdict.started) == expected
    assert (verdict.until is not None) == (verdict.kind is Kind.QUOTA)
    await remaining(0, seconds=2)


@pytest.mark.parametrize(
    ("fault", "kind", "wait"),
    [
        ("burst retry-after=40", Kind.BURST, (38, 56)),
        ("throttled", Kind.THROTTLED, None),
        ("overloaded", Kind.OVERLOADED, None),
        ("401", Kind.AUTH, None),
        ("500", Kind.WORKER_ERROR, None),
    ],
)
async def test_a_keyed_login_learns_the_wait_and_asks_once(tmp_path, sim, fault, kind, wait):
    async with running(tmp_path, sim.url, KEYED) as engine:
        with pytest.raises(TurnFailedError) as failed:
            await engine.message(turn(user(f"hello [[sim:fault={fault}]]")))

    verdict = failed.value.verdict
    assert verdict.kind is kind
    assert (
        verdict.retry_after is None if wait is None else wait[0] <= verdict.retry_after <= wait[1]
    )
    assert len(sim.calls) == 1


async def test_a_stream_that_breaks_fails_after_what_had_come_and_has_no_end(engine):
    names = []

    async def listen() -> None:
        async with engine.turn(turn(user("[[sim:tokens=60]] [[sim:fault=error_mid]]"))) as events:
            async for event in events:
                names.append(event.name)  # noqa: PERF401  what came before the failure counts

    with pytest.raises(TurnFailedError) as failed:
        await listen()

    assert "content_block_delta" in names
    assert "message_stop" not in names
    assert failed.value.verdict.started


async def test_a_silent_provider_is_a_timeout(tmp_path, sim):
    timeouts = {"start": 30, "first_event": 1, "stall": 1}
    async with running(tmp_path, sim.url, timeouts=timeouts) as engine:
        for fault in ("hang", "stall"):
            with pytest.raises(TurnFailedError) as failed:
                await engine.message(turn(user(f"[[sim:tokens=60]] [[sim:fault={fault}]]")))

            verdict = failed.value.verdict
            assert (verdict.kind, verdict.started, failed.value.status) == (Kind.TIMEOUT, True, 504)
        await remaining(0, seconds=2)


async def test_the_state_tells_windows_limits_and_slots(engine):
    with pytest.raises(TurnFailedError):
        await engine.message(turn(user("hello [[sim:fault=rejected]]")))
    limited = engine.state()
    await engine.message(turn(user("hello")))
    served = engine.state()

    assert limited.limit.kind is Kind.QUOTA
    assert {window.name: window.status for window in limited.windows}["five_hour"] == "rejected"
    assert served.limit is None
    assert served.ready
    assert served.login.ok
    assert (served.slots.max, served.slots.busy) == (6, 0)
    assert served.versions["cli"].startswith("2.")


async def test_a_refused_login_is_not_ready(engine):
    with pytest.raises(TurnFailedError):
        await engine.message(turn(user("hello [[sim:fault=401]]")))

    assert (engine.state().ready, engine.state().reason) == (False, "auth")
    assert not engine.state().login.ok


async def test_a_worker_without_a_login_starts_and_is_not_ready(tmp_path, sim):
    async with running(tmp_path, sim.url, login={}) as engine:
        assert (engine.state().ready, engine.state().reason) == (False, "auth")


async def test_a_command_that_is_no_claude_is_refused_at_the_start(tmp_path):
    with pytest.raises(WorkerError):
        async with running(tmp_path, "http://127.0.0.1:9", command="true"):
            pass


async def test_a_client_that_leaves_ends_the_turn_within_a_second(engine, sim):
    async with engine.turn(turn(user("[[sim:tokens=900 rate=20]]"))) as events:
        async for event in events:
            if event.name == "content_block_delta":
                break

    await sim.until(lambda: sim.tally.left == 1, 1)
    await remaining(0, seconds=1)
    assert engine.state().slots.busy == 0


async def test_two_hundred_turns_that_are_left_leave_nothing_behind(tmp_path, sim):
    async with running(tmp_path, sim.url, OAUTH, max_processes=4, warm=2) as engine:
        places = asyncio.Semaphore(4)

        async def leave(number: int) -> None:
            patience = 5 if number % 20 == 0 else number % 7 / 25
            async with places:
                with suppress(TimeoutError):
                    async with (
                        asyncio.timeout(patience),
                        engine.turn(turn(user(f"{number} [[sim:tokens=900 rate=20]]"))) as events,
                    ):
                        async for _ in events:
                            break

        await asyncio.gather(*map(leave, range(200)))
        await sim.until(lambda: not sum(sim.tally.in_flight.values()))
        await remaining(2, seconds=5)
        assert engine.state().slots.busy == 0
    assert not processes()


async def test_a_worker_that_is_killed_takes_its_processes_along(tmp_path, sim):
    script = (
        "import asyncio, sys; from pathlib import Path\n"
        "from tests.worker.engines.cli_rig import running, turn, user\n"
        "async def main():\n"
        "    async with running(Path(sys.argv[1]), sys.argv[2], warm=1) as engine:\n"
        "        async with engine.turn(turn(user('[[sim:tokens=900 rate=20]]'))) as events:\n"
        "            async for _ in events: print('begun', flush=True)\n"
        "asyncio.run(main())"
    )
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, tmp_path, sim.url, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert await worker.stdout.readline() == b"begun\n"
    started = processes()
    worker.kill()
    await worker.wait()

    assert started
    await sim.until(lambda: sim.tally.left == 1, 2)
    _, alive = psutil.wait_procs(started, 2)
    assert all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


def image() -> dict:
    return {"type": "base64", "media_type": "image/png", "data": PIXEL}


def result(call: str, content: str) -> dict:
    return {"type": "tool_result", "tool_use_id": call, "content": content}

"""What the real CLI does by itself in each profile, and what the client hears of it."""

import asyncio
import json
import stat
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from simulator.plans import Plan, Window
from tests.simulator_rig import Simulator
from tests.worker.engines.cli_rig import assistant, processes, running, text_of, turn, user
from worker.core.verdict import Kind
from worker.engines.base import TurnFailedError
from worker.errors import WorkerError

pytestmark = pytest.mark.cli

SKILL = """---
name: rhyme
description: How to rhyme.
---
Answer in couplets.
"""
SERVER = """
import json, sys
TOOL = {"name": "count", "description": "Count.", "inputSchema": {"type": "object"}}
ANSWERS = {
    "initialize": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                   "serverInfo": {"name": "farm", "version": "1"}},
    "tools/list": {"tools": [TOOL]},
    "tools/call": {"content": [{"type": "text", "text": "forty-two sheep"}]},
}
for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        answer = ANSWERS.get(asked["method"], {})
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": answer}), flush=True)
"""
LOOK = {"name": "look", "description": "Look.", "input_schema": {"type": "object"}}


@pytest.fixture
async def sim():
    async with Simulator() as simulator:
        yield simulator


@asynccontextmanager
async def agent(home: Path, sim: Simulator, **fields):
    own = fields.pop("agent", {})
    async with running(home, sim.url, profile="agent", agent=own, **fields) as engine:
        yield engine


def marker(tool: str, step: int = 1, **given: object) -> str:
    return f"[[sim:tokens=3]] [[sim:tool={tool} step={step} {json.dumps(given)}]]"


def body_of(call) -> dict:
    return json.loads(call.body)


def charged(sim: Simulator) -> float:
    """The tokens that the provider has put on the account's bill."""
    ledger = sim.provider.accounts.named("alice").ledger
    return ledger.standings("claude-sonnet-4-5", time.time())[0].used


def total(usage: dict) -> int:
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens")
    return sum(usage[name] for name in (*names, "cache_creation_input_tokens"))


async def events_of(engine, asked, **changes) -> list[dict]:
    async with engine.turn(replace(turn(asked), **changes)) as events:
        return [json.loads(event.data) async for event in events]


def results_of(sim: Simulator) -> list[str]:
    """What the provider was told that the tools gave, by the last call."""
    blocks = body_of(sim.calls[-1])["messages"][-1]["content"]
    told = [str(block["content"]) for block in blocks if block["type"] == "tool_result"]
    return [text.partition("\n\n<system-reminder>")[0] for text in told]


def mode_of(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


async def until(condition, seconds: float = 5) -> None:
    """Programs of others tell nobody what they do: look until it is so."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_the_steps_of_a_turn_are_one_message(tmp_path, sim):
    asked = user(
        f"Go. {marker('Bash', command='echo one')} {marker('Bash', step=2, command='echo two')}"
    )
    sim.plan("alice", Plan({"five_hour": Window(1e9, "tokens")}))
    async with agent(tmp_path, sim) as engine:
        events = await events_of(engine, asked)

    kinds = [event["type"] for event in events]
    starts = [event for event in events if event["type"] == "content_block_start"]
    ending = events[-2]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert (kinds.count("message_start"), kinds.count("message_stop")) == (1, 1)
    assert [start["index"] for start in starts] == [0, 1]
    assert {start["content_block"]["type"] for start in starts} == {"text"}
    assert ending["delta"]["stop_reason"] == "end_turn"
    assert len(sim.calls) == 3
    assert total(ending["usage"]) == charged(sim)
    assert results_of(sim) == ["two"]


async def test_steps_are_told_to_a_client_that_asks_for_them(tmp_path, sim):
    from anthropic.types.beta import BetaMessage

    asked = user(f"Go. {marker('Bash', command='echo one')}")
    async with agent(tmp_path, sim) as engine:
        events = await events_of(engine, asked, steps=True)
        whole = json.loads(await engine.message(replace(turn(asked), steps=True)))

    message = BetaMessage.model_validate(whole)
    kinds = [block.type for block in message.content]
    _, call, result, _ = message.content
    indexes = [e["index"] for e in events if e["type"] == "content_block_start"]
    assert kinds == ["text", "mcp_tool_use", "mcp_tool_result", "text"]
    assert (call.name, call.server_name, call.input) == ("Bash", "claude-code", _command("one"))
    assert (result.tool_use_id, result.content, result.is_error) == (call.id, "one", False)
    assert indexes == [0, 1, 2, 3]


async def test_the_clients_own_tools_are_its_own_beside_those_of_the_cli(tmp_path, sim):
    asked = user(f"{marker('Bash', command='echo mine')} {marker('look')}")
    async with agent(tmp_path, sim) as engine:
        message = json.loads(await engine.message(turn(asked, tools=[LOOK])))
        before = {process.pid for process in processes()}
        call = message["content"][-1]
        seen = {"type": "tool_result", "tool_use_id": call["id"], "content": "a tree"}
        history = (asked, assistant(message["content"]), user([seen]))
        answer = await engine.message(turn(*history, tools=[LOOK]))
        after = {process.pid for process in processes()}

    assert [block["type"] for block in message["content"]] == ["tool_use"]
    assert (call["name"], message["stop_reason"]) == ("look", "tool_use")
    assert "a tree" in text_of(answer)
    assert before == after


async def test_a_conversation_works_in_a_folder_of_its_own(tmp_path, sim):
    writes = user(f"Go. {marker('Bash', command='pwd > here; pwd')}")
    reads = user(f"Go. {marker('Bash', command='cat here; pwd')}")
    async with agent(tmp_path, sim) as engine:
        await engine.message(turn(writes))
        mine = results_of(sim)[0]
        await engine.message(turn(reads))
        again = results_of(sim)[0]
        await engine.message(turn(reads, client="bob"))
        theirs = results_of(sim)[0]

    folder = Path(mine)
    assert folder.parent == tmp_path / "workspaces"
    assert mode_of(folder) == 0o700
    assert again.split() == [mine, mine]
    assert "No such file" in theirs
    assert mine not in theirs


async def test_a_turn_that_runs_out_of_steps_says_so_and_can_be_gone_on_with(tmp_path, sim):
    asked = user("Go. " + " ".join(marker("Bash", step=n, command=f"echo {n}") for n in (1, 2, 3)))
    async with agent(tmp_path, sim, max_turns=2) as engine:
        message = json.loads(await engine.message(turn(asked)))
        before = {process.pid for process in processes()}
        more = (asked, assistant(message["content"]), user("say: enough"))
        answer = await engine.message(turn(*more))
        after = {process.pid for process in processes()}

    assert message["stop_reason"] == "pause_turn"
    assert text_of(answer) == "enough"
    assert before == after
    assert "tool_result" in sim.calls[2].body.decode()
    assert len(sim.calls) == 3


async def test_a_limit_met_in_the_midst_of_the_steps_is_told_as_one(tmp_path, sim):
    go = tmp_path / "go"
    command = f"until [ -e {go} ]; do sleep 0.02; done"
    asked = turn(user(f"Go. {marker('Bash', command=command)}"))
    async with agent(tmp_path, sim) as engine, asyncio.TaskGroup() as tasks:
        failing = tasks.create_task(failure_of(engine, asked))
        await sim.until(lambda: len(sim.calls) == 1)
        sim.fault("rejected")
        go.touch()

    failure = failing.result()
    assert (failure.verdict.kind, failure.status) == (Kind.QUOTA, 429)
    assert failure.verdict.started


async def test_an_agent_has_what_its_operator_gives_it_and_no_more(tmp_path, sim):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "note").write_text("a shared note")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "CLAUDE.md").write_text("Mind the operator.")
    outside = tmp_path / "outside"
    asked = user(
        f"Go. {marker('Read', file_path=str(shared / 'note'))}"
        f" {marker('Write', file_path=str(outside), content='x')}"
        f" {marker('Read', file_path='/etc/hostname')}"
    )
    own = {"tools": ["Read", "Write"]}
    async with agent(tmp_path, sim, agent=own, add_dirs=(shared,)) as engine:
        await engine.message(turn(asked, system="Answer in verse."))

    first = sim.calls[0].body.decode()
    assert "Mind the operator." in first
    assert "Answer in verse." in first
    assert [tool["name"] for tool in body_of(sim.calls[0])["tools"]] == ["Read", "Write"]
    assert sorted("denied" in result for result in results_of(sim)) == [False, True, True]
    assert any("a shared note" in result for result in results_of(sim))
    assert not outside.exists()


async def test_an_agent_has_the_servers_hooks_and_skills_of_its_operator(tmp_path, sim):
    config, seen = tmp_path / "config", tmp_path / "seen"
    (config / "skills" / "rhyme").mkdir(parents=True)
    (config / "skills" / "rhyme" / "SKILL.md").write_text(SKILL)
    (config / "settings.json").write_text(json.dumps(hook(f"cat > {seen}")))
    (tmp_path / "server.py").write_text(SERVER)
    server = {"command": sys.executable, "args": ["-S", str(tmp_path / "server.py")]}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": {"farm": server}}))
    own = {
        "tools": ["Skill"],
        "allow": ["Skill", "mcp__farm"],
        "mcp_config": tmp_path / "mcp.json",
    }
    asked = user(f"Go. {marker('mcp__farm__count')} {marker('Skill', skill='rhyme')}")
    async with agent(tmp_path, sim, agent=own) as engine:
        whole = json.loads(await engine.message(replace(turn(asked), steps=True)))

    calls = [block for block in whole["content"] if block["type"] == "mcp_tool_use"]
    told = json.dumps(body_of(sim.calls[-1])["messages"])
    assert [(call["server_name"], call["name"]) for call in calls] == [
        ("farm", "count"),
        ("claude-code", "Skill"),
    ]
    assert "forty-two sheep" in told
    assert "Answer in couplets." in told
    assert json.loads(seen.read_text())["tool_name"] in ("mcp__farm__count", "Skill")


async def test_a_server_under_the_name_of_the_clients_tools_is_refused(tmp_path, sim):
    (tmp_path / "mcp.json").write_text('{"mcpServers": {"c": {"command": "true"}}}')
    own = {"mcp_config": tmp_path / "mcp.json"}
    with pytest.raises(WorkerError, match="another name"):
        async with agent(tmp_path, sim, agent=own):
            pass


async def test_a_reader_reads_where_it_may_and_changes_nothing(tmp_path, sim):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "note").write_text("a shared note")
    asked = user(
        f"Go. {marker('Read', file_path=str(shared / 'note'))}"
        f" {marker('Read', file_path='/etc/hostname')} {marker('Grep', pattern='x', path='/etc')}"
    )
    async with running(tmp_path, sim.url, profile="read-only", add_dirs=(shared,)) as engine:
        answer = await engine.message(turn(asked, system="Answer in verse."))

    told = results_of(sim)
    assert [tool["name"] for tool in body_of(sim.calls[0])["tools"]] == ["Glob", "Grep", "Read"]
    assert body_of(sim.calls[0])["system"][-1]["text"] == "Answer in verse."
    assert sum("outside" in result for result in told) == 2
    assert "a shared note" in text_of(answer)


async def test_what_a_tool_has_started_ends_with_a_turn_that_is_left(tmp_path, sim):
    note = tmp_path / "pids"
    command = f"setsid sleep 321 & echo $! $$ > {note}.new; mv {note}.new {note}; sleep 321"
    asked = turn(user(f"Go. {marker('Bash', command=command)}"))
    async with agent(tmp_path, sim) as engine:
        async with asyncio.TaskGroup() as tasks:
            leaving = tasks.create_task(engine.message(asked))
            await until(note.exists)
            leaving.cancel()
        pids = [int(pid) for pid in note.read_text().split()]
        await until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
        await until(lambda: not processes())

    assert len(pids) == 2


async def failure_of(engine, asked) -> TurnFailedError:
    with pytest.raises(TurnFailedError) as failed:
        await engine.message(asked)
    return failed.value


def hook(command: str) -> dict:
    entry = {"matcher": "*", "hooks": [{"type": "command", "command": command}]}
    return {"hooks": {"PostToolUse": [entry]}}


def _command(word: str) -> dict[str, str]:
    return {"command": f"echo {word}"}

"""Real clients through the proxy, a worker and the real claude CLI, to the simulated provider."""

import asyncio
import base64
import json
import sys
import uuid

import anthropic
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage

from tests.e2e.rig import (
    CLI,
    KEY,
    MODEL,
    PIXEL,
    ROOT,
    cli_engine,
    environment,
    served_by,
    team,
    worker,
)
from tests.simulator_rig import Simulator

pytestmark = [pytest.mark.cli, pytest.mark.timeout(120)]


@pytest.fixture
async def fleet(tmp_path):
    async with (
        Simulator() as simulator,
        worker("ann", cli_engine("ann", simulator, tmp_path), tmp_path) as ann,
        team(tmp_path, [served_by("ann", ann)], simulator) as fleet,
    ):
        yield fleet


@pytest.fixture
async def sdk(fleet):
    async with anthropic.AsyncAnthropic(api_key=KEY, base_url=fleet.url, max_retries=0) as client:
        yield client


def question(content):
    return {"role": "user", "content": content}


async def test_the_newest_anthropic_sdk_remembers_a_word_over_turns(sdk):
    messages = [question("Please remember the word heron.")]
    first = await sdk.messages.create(model=MODEL, max_tokens=200, messages=messages)
    messages += [{"role": "assistant", "content": first.content}, question("Which word?")]
    second = await sdk.messages.create(model=MODEL, max_tokens=200, messages=messages)

    assert "heron" in second.content[0].text
    assert second.stop_reason == "end_turn"
    assert second.usage.output_tokens > 0


async def test_the_newest_anthropic_sdk_streams_true_deltas(sdk):
    ask = sdk.messages.stream(
        model=MODEL, max_tokens=200, messages=[question("say: one two three four five")]
    )
    async with ask as stream:
        pieces = [piece async for piece in stream.text_stream]
        message = await stream.get_final_message()

    assert "".join(pieces) == message.content[0].text == "one two three four five"
    assert len(pieces) > 1


async def test_an_image_reaches_the_provider(sdk):
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PIXEL).decode()}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "Describe the image."}]
    answer = await sdk.messages.create(model=MODEL, max_tokens=200, messages=[question(content)])

    assert "image/png" in answer.content[0].text
    assert str(len(PIXEL)) in answer.content[0].text


async def test_system_prompt_model_and_max_tokens_reach_the_provider(sdk, fleet):
    await sdk.messages.create(
        model="claude-haiku-5-5",
        max_tokens=77,
        system="You are a heron.",
        messages=[question("hi")],
    )
    received = json.loads(fleet.simulator.calls[-1].body)

    assert (received["model"], received["max_tokens"]) == ("claude-haiku-5-5", 77)
    assert "You are a heron." in json.dumps(received["system"])


async def test_a_limit_is_an_exception_of_the_sdk_and_never_an_answer(sdk, fleet):
    fleet.simulator.fault("rejected", count=None)
    with pytest.raises(anthropic.RateLimitError) as caught:
        await sdk.messages.create(model=MODEL, max_tokens=9, messages=[question("hi")])

    assert caught.value.status_code == 429


async def test_the_oldest_anthropic_sdk_talks_and_streams(fleet):
    script = f"""
import anthropic
assert anthropic.__version__ == "0.40.0"
client = anthropic.Anthropic(api_key={KEY!r}, base_url={fleet.url!r}, max_retries=0)
messages = [dict(role="user", content="say: old but gold")]
ask = dict(model={MODEL!r}, max_tokens=99, messages=messages)
print(client.messages.create(**ask).content[0].text)
with client.messages.stream(**ask) as stream:
    print("".join(stream.text_stream))
"""
    compat = ROOT / ".venv" / "compat" / "anthropic-0"
    out = await run(sys.executable, "-c", script, env=environment(PYTHONPATH=str(compat)))

    assert out.splitlines() == ["old but gold", "old but gold"]


async def test_langchain_converses_and_streams(fleet):
    model = ChatAnthropic(model=MODEL, api_key=KEY, base_url=fleet.url, max_retries=0)
    history = [HumanMessage("Please remember the word ibis."), AIMessage("I will.")]
    answer = await model.ainvoke([*history, HumanMessage("Which word?")])
    pieces = [piece.text async for piece in model.astream("say: by and by")]

    assert "ibis" in answer.text
    assert "".join(pieces) == "by and by"


def claude_code(fleet, home):
    """The environment of Claude Code on somebody's machine, pointed at the fleet."""
    return environment(
        HOME=str(home),
        CLAUDE_CONFIG_DIR=str(home / "claude"),
        ANTHROPIC_BASE_URL=fleet.url,
        ANTHROPIC_API_KEY=KEY,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        DISABLE_AUTOUPDATER="1",
    )


async def test_claude_code_as_client_holds_a_conversation(fleet, tmp_path):
    home = tmp_path / "client-home"
    home.mkdir()
    env = claude_code(fleet, home)
    session = str(uuid.uuid4())
    common = (str(CLI), "-p", "--model", MODEL)
    await run(*common, "--session-id", session, "Please remember the word stork.", env=env)
    out = await run(*common, "--resume", session, "Which word?", env=env)

    assert "stork" in out
    answered = [line for line in fleet.access_lines if line["route"] == "messages"]
    assert {line["status"] for line in answered} == {200}
    assert all(line["stream"] for line in answered)


async def test_claude_code_as_client_runs_its_own_tool_through_the_fleet(fleet, tmp_path):
    home = tmp_path / "client-home"
    home.mkdir()
    note = home / "note.txt"
    note.write_text("the heron stands still")
    directive = f"[[sim:tool=Read {json.dumps({'file_path': str(note)})}]]"
    argv = (str(CLI), "-p", "--model", MODEL, "--allowedTools", "Read", "--", directive)
    await run(*argv, env=claude_code(fleet, home), cwd=home)
    told = [json.loads(call.body)["messages"] for call in fleet.simulator.calls]

    assert "the heron stands still" in json.dumps(told[-1])
    assert {line["status"] for line in fleet.access_lines if line["route"] == "messages"} == {200}


async def run(*argv, env, cwd=None):
    """Run a client to its end; what it printed."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=env,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, errors = await asyncio.wait_for(process.communicate(), 60)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, errors.decode() + out.decode()
    return out.decode()

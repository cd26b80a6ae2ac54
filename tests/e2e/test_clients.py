"""Real clients through the proxy, a worker and the real claude CLI, to the simulated provider."""

import json
import uuid

import anthropic
import pytest

from tests.e2e.programs import run
from tests.e2e.rig import (
    CLI,
    KEY,
    MODEL,
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

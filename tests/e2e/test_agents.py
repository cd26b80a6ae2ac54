"""An agent's steps through proxy and worker, as official clients hear of them."""

import aiohttp
import anthropic
import openai
import pytest

from tests.e2e.rig import KEY, MODEL, WORKER_TOKEN, cli_engine, served_by, team, worker
from tests.simulator_rig import Simulator

pytestmark = [pytest.mark.cli, pytest.mark.timeout(120)]

ASKED = {
    "model": MODEL,
    "max_tokens": 200,
    "messages": [
        {
            "role": "user",
            "content": 'Look. [[sim:tokens=3]] [[sim:tool=Bash {"command":"echo a heron"}]]',
        }
    ],
}
WITH_STEPS = {"x-headgate-steps": "include"}


@pytest.fixture
async def fleet(tmp_path):
    async with (
        Simulator() as simulator,
        worker("ann", cli_engine("ann", simulator, tmp_path, profile="agent"), tmp_path) as ann,
        team(tmp_path, [served_by("ann", ann)], simulator) as fleet,
    ):
        fleet.workers = (ann,)
        yield fleet


@pytest.fixture
async def sdk(fleet):
    async with anthropic.AsyncAnthropic(api_key=KEY, base_url=fleet.url, max_retries=0) as client:
        yield client


async def test_a_client_hears_one_message_and_its_steps_if_it_asks(sdk):
    plain = await sdk.messages.create(**ASKED)
    told = await sdk.beta.messages.create(**ASKED, extra_headers=WITH_STEPS)
    async with sdk.beta.messages.stream(**ASKED, extra_headers=WITH_STEPS) as stream:
        streamed = await stream.get_final_message()

    kinds = ["text", "mcp_tool_use", "mcp_tool_result", "text"]
    assert [block.type for block in plain.content] == ["text", "text"]
    assert "a heron" in plain.content[-1].text
    assert plain.stop_reason == "end_turn"
    assert [block.type for block in told.content] == kinds
    assert [block.type for block in streamed.content] == kinds
    assert told.content[1].input == streamed.content[1].input == {"command": "echo a heron"}


async def test_an_openai_client_hears_the_texts_of_all_steps(fleet):
    async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{fleet.url}/v1", max_retries=0) as client:
        answer = await client.chat.completions.create(**ASKED, extra_headers=WITH_STEPS)

    choice = answer.choices[0]
    assert choice.finish_reason == "stop"
    assert choice.message.content.endswith("a heron")
    assert choice.message.tool_calls is None


async def test_what_a_worker_has_and_does_is_there_to_be_scraped(fleet, sdk):
    await sdk.messages.create(**ASKED)
    token = {"authorization": f"Bearer {WORKER_TOKEN}"}
    async with aiohttp.ClientSession(headers=token) as session:
        async with session.get(f"{fleet.workers[0].url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        async with session.get(f"{fleet.workers[0].url}/state") as answer:
            state = await answer.json()

    assert {
        "headgate_worker_login_ok 1.0",
        'headgate_worker_feature{feature="client_tools"} 1.0',
        'headgate_worker_processes{state="idle"} 1.0',
        "headgate_worker_processes_started_total 1.0",
        "headgate_worker_claims_total 1.0",
    } <= set(lines)
    assert (state["profile"], state["login"]["method"]) == ("agent", "api_key")
    assert state["processes"]["idle"] == 1
    assert state["processes"]["memory"] > 0

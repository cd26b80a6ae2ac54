"""Both official SDKs through the proxy and a worker to an OpenAI-style upstream."""

import anthropic
import openai
import pytest

from tests.e2e.rig import KEY, api_engine, served_by, team, worker
from tests.e2e.test_compatibility import RIGHT, play
from tests.simulator_rig import Simulator
from tests.worker.openai_rig import HELLO, call, chunk, completion, upstream

MODEL = "llama"
ASK = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
SEE = {"name": "see", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture
async def provider():
    async with upstream() as provider:
        yield provider


@pytest.fixture
async def fleet(tmp_path, provider):
    engine = {"openai": {"url": f"{provider.url}/v1", "key": "sk-local"}}
    async with (
        Simulator() as simulator,
        worker("local", engine, tmp_path) as local,
        team(tmp_path, [served_by("local", local)], simulator) as fleet,
    ):
        yield fleet


@pytest.fixture
async def claude(fleet):
    async with anthropic.AsyncAnthropic(api_key=KEY, base_url=fleet.url, max_retries=0) as sdk:
        yield sdk


@pytest.fixture
async def gpt(fleet):
    url = f"{fleet.url}/v1"
    async with openai.AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0) as sdk:
        yield sdk


async def test_messages_and_their_tools(claude, provider, fleet):
    provider.steps = (
        chunk(reasoning_content="hm"),
        chunk(tool_calls=[call(0, "see", "{}", id="c1")]),
        chunk("tool_calls"),
        "[DONE]",
    )
    async with claude.messages.stream(**ASK, max_tokens=99, tools=[SEE]) as events:
        message = await events.get_final_message()
    line = await fleet.line()

    assert [block.type for block in message.content] == ["thinking", "tool_use"]
    assert message.stop_reason == "tool_use"
    assert (line["outcome"], line["account"]) == ("ok", "local")
    assert provider.requests[0].headers["authorization"] == "Bearer sk-local"


async def test_chat_completions_and_responses(gpt, provider, fleet):
    answer = await gpt.chat.completions.create(**ASK)
    response = await gpt.responses.create(model=MODEL, input="hi")
    line = await fleet.line()

    assert answer.choices[0].message.content == response.output_text == "hello"
    assert (answer.usage.prompt_tokens, response.usage.input_tokens) == (12, 12)
    assert (line["input_tokens"], line["output_tokens"]) == (7, 3)
    assert [sent["messages"][0]["content"] for sent in provider.calls] == ["hi", "hi"]


async def test_a_broken_stream_is_an_exception(claude, provider):
    provider.steps = (*HELLO[:3], "cut")
    with pytest.raises(anthropic.APIError):
        async with claude.messages.stream(**ASK, max_tokens=99) as events:
            await events.until_done()


async def test_an_unpaid_account_rests_and_nobody_is_told_of_its_key(gpt, provider, fleet):
    provider.status = 429
    provider.body = {"error": {"message": "org-1 sk-local", "code": "insufficient_quota"}}
    with pytest.raises(openai.APIStatusError) as caught:
        await gpt.chat.completions.create(**ASK)
    states = await fleet.states()

    assert caught.value.status_code == 503
    assert "sk-local" not in caught.value.response.text
    assert states["local"].state == "billing"
    assert len(provider.calls) == 1


async def test_a_completion_of_nothing_is_no_answer(gpt, provider):
    provider.body = completion() | {"choices": []}
    with pytest.raises(openai.InternalServerError):
        await gpt.chat.completions.create(**ASK)


@pytest.mark.cli
async def test_claude_code_runs_its_tools_through_a_worker_whose_upstream_is_another(tmp_path):
    async with (
        Simulator() as simulator,
        worker("ann", api_engine("ann", simulator), tmp_path, token=None) as inner,
        worker("bob", {"openai": {"url": f"{inner.url}/v1"}}, tmp_path, token=None) as outer,
    ):
        told = await play("Claude Code", {"upstream": outer.url}, tmp_path)

    assert told
    assert [line for line in told if line["saw"] not in RIGHT[line["feature"]]] == []

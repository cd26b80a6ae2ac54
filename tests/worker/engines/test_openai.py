"""The engine of an OpenAI-style upstream, against one that answers as it is told."""

import asyncio
import json

import anthropic
import openai
import pytest

from tests.simulator_rig import Simulator
from tests.worker.openai_rig import (
    HELLO,
    USAGE,
    call,
    chunk,
    completion,
    counted,
    upstream,
    worker_of_openai,
)
from tests.worker.rig import ASK, until_cut, worker_of
from worker.config import OpenaiSettings
from worker.engines.openai import OpenaiEngine

MODEL = "claude-sonnet-5-5"
SEE = {
    "name": "see",
    "description": "Look at a place.",
    "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}},
}


@pytest.fixture
async def provider():
    async with upstream() as server:
        yield server


@pytest.fixture
async def worker(provider):
    async with worker_of_openai(f"{provider.url}/v1", key="sk-test") as served:
        yield served


@pytest.fixture
async def sdk(worker):
    client = anthropic.AsyncAnthropic(base_url=worker.url, api_key="x", max_retries=0)
    async with client:
        yield client


def question(words="hi"):
    return {"role": "user", "content": words}


async def asked(sdk, *, stream, **fields):
    ask = {"model": MODEL, "max_tokens": 99, "messages": [question()], **fields}
    if not stream:
        return await sdk.messages.create(**ask)
    async with sdk.messages.stream(**ask) as events:
        return await events.get_final_message()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_turn_is_one_chat_completion(sdk, provider, stream):
    message = await asked(sdk, stream=stream, system="Be brief.")
    (sent,) = provider.calls
    (request,) = provider.requests

    assert message.content[0].text == "hello"
    assert (message.stop_reason, message.model) == ("end_turn", MODEL)
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (7, 5)
    assert message.usage.output_tokens == 3
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]
    assert (sent["model"], sent["max_tokens"], sent["stream"]) == (MODEL, 99, stream)
    assert sent.get("stream_options") == ({"include_usage": True} if stream else None)
    assert request.headers["authorization"] == "Bearer sk-test"
    assert "anthropic-version" not in request.headers


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_go_both_ways(sdk, provider, stream):
    calls = [call(None, "see", '{"at": "lake"}', id="c1"), call(None, "see", "{}", id="c2")]
    provider.body = completion("tool_calls", content=None, tool_calls=calls)
    provider.steps = (
        chunk(content="Let me see."),
        chunk(tool_calls=[call(0, "see", id="c1")]),
        chunk(tool_calls=[call(0, None, '{"at": ')]),
        chunk(tool_calls=[call(0, None, '"lake"}')]),
        chunk(tool_calls=[call(1, "see", "{}", id="c2")]),
        chunk("tool_calls"),
        "[DONE]",
    )
    message = await asked(sdk, stream=stream, tools=[SEE])
    calls = [block for block in message.content if block.type == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": used.id, "content": "a heron"} for used in calls
    ]
    said = {"role": "assistant", "content": [block.model_dump() for block in message.content]}
    provider.steps, provider.body = HELLO, completion(content="hello")
    await asked(sdk, stream=stream, tools=[SEE], messages=[question(), said, question(results)])
    sent = provider.calls[-1]["messages"]

    assert message.stop_reason == "tool_use"
    assert [(used.id, used.input) for used in calls] == [("c1", {"at": "lake"}), ("c2", {})]
    assert [json.loads(c["function"]["arguments"]) for c in sent[1]["tool_calls"]] == [
        {"at": "lake"},
        {},
    ]
    assert sent[2:] == [
        {"role": "tool", "tool_call_id": "c1", "content": "a heron"},
        {"role": "tool", "tool_call_id": "c2", "content": "a heron"},
    ]

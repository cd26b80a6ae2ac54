"""The engine of an OpenAI-style upstream, against one that answers as it is told."""

import asyncio
import json
import time

import anthropic
import openai
import pytest

from simulator.plans import Plan, Window
from tests.simulator_rig import Simulator
from tests.worker.openai_rig import (
    HELLO,
    USAGE,
    call,
    chunk,
    completion,
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


async def answered(worker, **fields):
    """Status, verdict headers, body, and whether the body ended cleanly."""
    async with worker.post(ASK | {"model": MODEL} | fields) as answer:
        verdict = {
            name.removeprefix("x-headgate-"): value
            for name, value in answer.headers.items()
            if name.startswith("x-headgate-")
        }
        return answer.status, verdict, *await until_cut(answer)


def told(kind, scope="request", started="0"):
    return {"verdict": kind, "scope": scope, "started": started}


@pytest.mark.parametrize(
    ("status", "error", "headers", "expected"),
    [
        (429, {"code": "rate_limit_exceeded"}, {}, (429, told("burst", "account"))),
        (429, {"code": "insufficient_quota"}, {}, (402, told("billing", "account"))),
        (429, {}, {}, (429, told("throttled"))),
        (401, {"code": "invalid_api_key"}, {}, (401, told("auth", "account"))),
        (400, {"code": "context_length_exceeded"}, {}, (400, told("client_error"))),
        (404, {"code": "model_not_found"}, {}, (404, told("client_error"))),
        (500, {"type": "server_error"}, {}, (500, told("worker_error", started="1"))),
        (503, {}, {}, (503, told("worker_error", started="1"))),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_is_a_status_with_a_verdict(
    worker, provider, stream, status, error, headers, expected
):
    provider.status, provider.headers = status, headers
    provider.body = {"error": {"message": "no", **error}}
    found, verdict, body, clean = await answered(worker, stream=stream)

    assert (found, verdict, clean) == (*expected, True)
    assert json.loads(body)["type"] == "error"


async def test_a_limit_stands_until_its_reset(worker, provider):
    provider.status, provider.body = 429, {"error": {"code": "rate_limit_exceeded"}}
    provider.headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "6h0m0s",
    }
    _, verdict, _, _ = await answered(worker)
    limit = worker.parts.engine.state().limit

    assert (verdict["verdict"], limit.kind) == ("quota", "quota")
    assert float(verdict["until"]) == pytest.approx(limit.until, abs=1)


BEGUN = (chunk(role="assistant", content=""), chunk(content="hel"))
ERROR = {"error": {"message": "broke", "type": "server_error", "code": None}}


@pytest.mark.parametrize(
    "steps",
    [
        (*BEGUN, "cut"),
        BEGUN,
        # `[DONE]` alone does not say why the answer ended.
        (*BEGUN, "[DONE]"),
        (*BEGUN, ERROR),
        (*BEGUN, ERROR, "[DONE]"),
        (*BEGUN, "{"),
        (*BEGUN, asyncio.Event()),
        (*BEGUN, chunk("stop"), "cut"),
        (*BEGUN, chunk(tool_calls=[call(0, "see", '{"at"', id="c")]), chunk("tool_calls")),
    ],
)
async def test_a_stream_that_breaks_is_told_and_cut(worker, provider, steps):
    provider.steps = steps
    status, _, body, clean = await answered(worker, stream=True)

    assert (status, clean) == (200, False)
    assert body.count(b"event: error\n") == 1
    assert b"message_stop" not in body
    assert body.rstrip().rpartition(b"\n\n")[2].startswith(b"event: error\n")


@pytest.mark.parametrize(
    ("steps", "status", "verdict"),
    [
        ((), 502, told("worker_error", started="1")),
        (("[DONE]",), 502, told("worker_error", started="1")),
        ((chunk(role="assistant"), "cut"), 502, told("worker_error", started="1")),
        ((asyncio.Event(),), 504, told("timeout", started="1")),
        ((ERROR,), 502, told("worker_error", started="1")),
        (({"error": {"code": "rate_limit_exceeded"}},), 429, told("burst", "account")),
        ((chunk(role="assistant"), {"error": {"code": 429}}), 429, told("throttled", started="1")),
    ],
)
async def test_a_stream_that_breaks_before_its_first_word_is_a_status(
    worker, provider, steps, status, verdict
):
    provider.steps = steps
    found, headers, _, clean = await answered(worker, stream=True)

    assert (found, headers, clean) == (status, verdict, True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"choices": []},
        {"choices": [{"message": {"content": "cut"}}]},
        {"choices": [], "error": {"message": "broke"}},
        completion("tool_calls", tool_calls=[call(None, "see", "{", id="c")]),
    ],
)
async def test_a_completion_that_makes_no_sense_is_no_answer(worker, provider, body):
    provider.body = body
    status, headers, _, _ = await answered(worker)

    assert (status, headers) == (502, told("worker_error", started="1"))


async def test_a_stream_may_end_without_done_once_it_has_said_why(worker, provider):
    provider.steps = (*BEGUN, chunk("stop"))
    status, _, body, clean = await answered(worker, stream=True)

    assert (status, clean) == (200, True)
    assert body.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


async def test_a_client_that_leaves_ends_the_upstreams_stream(worker, provider):
    provider.steps = (*BEGUN, asyncio.Event())
    async with worker.post(ASK | {"stream": True}) as answer:
        await answer.content.readany()
    async with asyncio.timeout(1):
        await provider.left.wait()

    assert worker.parts.engine.state().slots.busy == 0


async def test_an_upstream_that_tells_no_usage_gets_an_estimate(sdk, provider):
    provider.body = completion(content="hello") | {"usage": None}
    message = await asked(sdk, stream=False)

    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens == 2
    assert message.usage.model_extra["estimated"] is True


async def test_azure_is_a_matter_of_configuration(provider):
    settings = {
        "headers": {"api-key": "azure-key"},
        "query": {"api-version": "2026-10-21"},
        "models": {MODEL: "gpt/5"},
        "max_tokens_field": "max_completion_tokens",
    }
    url = f"{provider.url}/openai/deployments/{{model}}"
    async with worker_of_openai(url, **settings) as worker:
        status, _, _, _ = await answered(worker)
        async with worker.get("/v1/models") as answer:
            models = await answer.json()
    (request,) = provider.requests
    (sent,) = provider.calls

    assert status == 200
    assert request.raw_path == (
        "/openai/deployments/gpt%2F5/chat/completions?api-version=2026-10-21"
    )
    assert request.headers["api-key"] == "azure-key"
    assert "authorization" not in request.headers
    assert (sent["model"], sent["max_completion_tokens"]) == ("gpt/5", ASK["max_tokens"])
    assert [model["id"] for model in models["data"]] == [MODEL]


async def test_models_are_the_upstreams_and_counts_are_guesses(worker):
    async with worker.get("/v1/models") as answer:
        models = await answer.json()
    async with worker.post(path="/v1/messages/count_tokens") as answer:
        count = await answer.json()
        guessed = answer.headers["x-headgate-estimate"]

    assert [model["id"] for model in models["data"]] == ["llama", "qwen"]
    assert (guessed, count["input_tokens"] > 0) == ("1", True)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_openai_sdk_is_served_as_well(worker, provider, stream):
    client = openai.AsyncOpenAI(api_key="x", base_url=f"{worker.url}/v1", max_retries=0)
    ask = {"model": MODEL, "messages": [question()], "reasoning_effort": "high"}
    async with client:
        if stream:
            async with client.chat.completions.stream(**ask) as events:
                answer = await events.get_final_completion()
        else:
            answer = await client.chat.completions.create(**ask)

    assert answer.choices[0].message.content == "hello"
    assert answer.usage.prompt_tokens == USAGE["prompt_tokens"]
    assert answer.usage.prompt_tokens_details.cached_tokens == 5
    assert provider.calls[0]["messages"] == [question()]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_worker_is_such_an_upstream_itself(stream):
    """From the SDK through two workers to a Messages API, with tools and thinking."""
    async with (
        Simulator() as simulator,
        worker_of(simulator.url, timeouts={}) as inner,
        worker_of_openai(f"{inner.url}/v1", timeouts={}) as outer,
        anthropic.AsyncAnthropic(base_url=outer.url, api_key="x", max_retries=0) as sdk,
    ):
        simulator.plan("alice", Plan({"tokens": Window(1_000_000, "tokens")}))
        orders = "".join(f'[[sim:tool=see {{"at": "{at}"}}]]' for at in ("lake", "shore"))
        first = await asked(sdk, stream=stream, tools=[SEE], messages=[question(orders)])
        calls = [block for block in first.content if block.type == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": used.id, "content": "a heron"} for used in calls
        ]
        said = {"role": "assistant", "content": [used.model_dump() for used in calls]}
        second = await asked(
            sdk,
            stream=stream,
            tools=[SEE],
            messages=[question(orders), said, question(results)],
        )
        thought = await asked(
            sdk,
            stream=stream,
            model="claude-haiku-4-5",
            max_tokens=4096,
            messages=[question("say: a heron")],
            thinking={"type": "enabled", "budget_tokens": 1024},
        )
        ledger = simulator.provider.accounts.named("alice").ledger
        (window, *_) = ledger.standings(MODEL, time.time())

    assert [(used.name, used.input) for used in calls] == [
        ("see", {"at": "lake"}),
        ("see", {"at": "shore"}),
    ]
    assert first.stop_reason == "tool_use"
    assert second.content[0].text == "The tool answered: a heron / a heron"
    assert [block.type for block in thought.content] == ["thinking", "text"]
    assert window.used == sum(tokens_of(message) for message in (first, second, thought))


def tokens_of(message):
    usage = message.usage
    cached = usage.cache_read_input_tokens + usage.cache_creation_input_tokens
    return usage.input_tokens + cached + usage.output_tokens


async def test_a_broken_stream_stays_broken_through_two_workers():
    async with (
        Simulator() as simulator,
        worker_of(simulator.url, timeouts={}) as inner,
        worker_of_openai(f"{inner.url}/v1", timeouts={}) as outer,
    ):
        for fault in ("cut", "error_mid", "no_stop"):
            simulator.fault(fault)
            status, _, body, clean = await answered(outer, stream=True)

            assert (status, clean) == (200, False)
            assert b"message_stop" not in body


async def test_a_stop_ends_every_turn(provider):
    provider.steps = (*BEGUN, asyncio.Event())
    engine = OpenaiEngine(OpenaiSettings(url=f"{provider.url}/v1"))
    assert engine.state().reason == "starting"
    await engine.start()
    assert engine.state().ready
    await engine.stop()
    assert not engine.state().ready

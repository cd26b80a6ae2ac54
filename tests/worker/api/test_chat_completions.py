"""Chat completions: a scripted engine for what arrives when, then the official SDK."""

import asyncio
import json

import openai
import pytest

from tests.simulator_rig import Simulator
from tests.worker.rig import (
    ASK,
    BLOCK,
    END,
    HELLO,
    MESSAGE,
    START,
    serving,
    text,
    until_cut,
    worker_of,
)
from worker.core.verdict import Kind, Scope, Verdict
from worker.engines.base import TurnFailedError

PATH = "/v1/chat/completions"
STREAM = ASK | {"stream": True}
MODEL = "claude-sonnet-5-5"
QUOTA = TurnFailedError(
    Verdict(Kind.QUOTA, Scope.ACCOUNT, until=1_790_000_000.0), 429, "rate_limit_error", "spent"
)
BROKE = TurnFailedError(Verdict(Kind.WORKER_ERROR, started=True), 502, "api_error", "broke")
SEE = {
    "type": "function",
    "function": {"name": "see", "parameters": {"type": "object", "properties": {}}},
}


def said(body: bytes) -> list[str]:
    """What the events of a stream say, comments left out."""
    events = [event for event in body.decode().split("\n\n") if event.startswith("data: ")]
    return [event.removeprefix("data: ") for event in events]


async def test_an_engine_gets_a_messages_request(worker, engine):
    engine.answer = json.dumps(MESSAGE).encode()
    headers = {
        "x-request-id": "r-7",
        "x-headgate-client": "alice",
        "x-headgate-session": "0123456789abcdef" * 2,
    }
    async with worker.post(ASK | {"n": 1, "seed": 4}, PATH, headers=headers) as answer:
        body = await answer.json()
    (turn,) = engine.turns

    assert (answer.status, body["object"]) == (200, "chat.completion")
    assert answer.headers["x-request-id"] == "r-7"
    assert (turn.id, turn.client, turn.session) == ("r-7", "alice", "0123456789abcdef" * 2)
    assert (turn.model, turn.stream) == ("claude-x", False)
    assert json.loads(turn.raw) == turn.request
    assert turn.request["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "hi"}]}
    ]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failure_has_its_status_verdict_and_envelope(worker, engine, stream):
    engine.answer, engine.script = QUOTA, (START, QUOTA)
    async with worker.post(ASK | {"stream": stream}, PATH) as answer:
        body = await answer.json()

    assert answer.status == 429
    assert answer.headers["x-headgate-verdict"] == "quota"
    assert answer.headers["x-headgate-until"] == "1790000000"
    assert body == {
        "error": {"type": "rate_limit_error", "message": "spent", "param": None, "code": None}
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2},
        {"messages": []},
        {"messages": [{"role": "system", "content": "x"}]},
        {"model": ""},
        {"messages": [image := {"role": "user", "content": [{"type": "image_url"}]}]},
        {
            "messages": [
                image
                | {
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,?"}}
                    ]
                }
            ]
        },
    ],
)
async def test_a_bad_request_never_reaches_the_engine(worker, engine, fields):
    async with worker.post(ASK | fields, PATH) as answer:
        body = await answer.json()

    assert answer.status == 400
    assert answer.headers["x-headgate-verdict"] == "client_error"
    assert body["error"]["type"] == "invalid_request_error"
    assert not engine.turns


async def test_no_head_goes_out_before_the_first_content(worker, engine):
    engine.script = (START, gate := asyncio.Event(), *HELLO[1:])
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(worker.post(STREAM, PATH).__aenter__())
        await engine.begun.wait()
        silent, _ = await asyncio.wait({asked}, timeout=0.1)
        gate.set()
        answer = await asked

    assert not silent
    assert said(await answer.read())[-1] == "[DONE]"


async def test_a_failure_after_content_is_told_and_cut(worker, engine):
    engine.script = (START, BLOCK, text("x"), BROKE)
    async with worker.post(STREAM, PATH) as answer:
        received, clean = await until_cut(answer)

    assert not clean
    assert json.loads(said(received)[-1])["error"]["message"] == "broke"
    assert b"[DONE]" not in received


async def test_silence_is_broken_by_comments(engine):
    engine.script = (START, BLOCK, gate := asyncio.Event(), *HELLO[2:])
    async with (
        serving(engine, timeouts={"ping": 0.05}) as worker,
        worker.post(STREAM, PATH) as answer,
    ):
        early = await answer.content.readuntil(b": ping\n\n: ping\n\n")
        gate.set()
        rest = await answer.read()

    assert early.startswith(b"data: {")
    assert said(rest)[-1] == "[DONE]"


async def test_events_that_say_nothing_do_not_end_a_stream(worker, engine):
    engine.script = (START, BLOCK, BLOCK, text("one"), *END)
    async with worker.post(STREAM, PATH) as answer:
        assert len(said(await answer.read())) == 4


async def test_a_client_that_leaves_ends_the_turn_at_once(worker, engine):
    engine.script = (START, BLOCK, text("x"), asyncio.Event())
    async with worker.post(STREAM, PATH) as answer:
        answer.close()
    async with asyncio.timeout(1):
        await engine.left.wait()


@pytest.fixture
async def provider():
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def sdk(provider):
    async with (
        worker_of(provider.url) as served,
        openai.AsyncOpenAI(
            api_key="x",
            base_url=f"{served.url}/v1",
            max_retries=0,
            _strict_response_validation=True,
        ) as sdk,
    ):
        yield sdk.chat.completions


def question(words):
    return [{"role": "user", "content": words}]


async def test_the_sdk_gets_a_completion(sdk, provider):
    answer = await sdk.create(
        model=MODEL, messages=question("say: a heron"), max_completion_tokens=50, stop="zzz"
    )
    received = json.loads(provider.calls[0].body)

    assert answer.choices[0].message.content == "a heron"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 2
    assert (received["max_tokens"], received["stop_sequences"]) == (50, ["zzz"])


async def test_the_sdk_streams_and_sees_the_same_usage(sdk):
    ask = {"model": MODEL, "messages": question("say: one two three")}
    whole = await sdk.create(**ask)
    stream = await sdk.create(**ask, stream=True, stream_options={"include_usage": True})
    *chunks, last = [chunk async for chunk in stream]
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks]

    assert "".join(pieces) == whole.choices[0].message.content == "one two three"
    assert len(pieces) > 3
    assert (last.choices, last.usage.completion_tokens) == ([], whole.usage.completion_tokens)


async def test_the_sdk_runs_a_tool_over_a_stream(sdk):
    messages = question('[[sim:tool=see {"at": "the ünlit lake"}]] Look!')
    ask = {"model": MODEL, "tools": [SEE], "messages": messages}
    async with sdk.stream(**ask) as stream:
        answer = await stream.get_final_completion()
    (call,) = answer.choices[0].message.tool_calls
    messages += [
        answer.choices[0].message.model_dump(
            exclude_none=True, include={"role", "content", "tool_calls"}
        ),
        {"role": "tool", "tool_call_id": call.id, "content": "a heron"},
        *question("say: I saw it"),
    ]
    final = await sdk.create(**ask)

    assert answer.choices[0].finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"at": "the ünlit lake"}
    assert final.choices[0].message.content == "I saw it"


async def test_the_sdk_gets_reasoning_where_it_asks_for_thinking(sdk):
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    ask = {"model": MODEL, "messages": question("say: a heron"), "extra_body": thinking}
    whole = (await sdk.create(**ask)).choices[0].message
    async with sdk.stream(**ask) as stream:
        streamed = (await stream.get_final_completion()).choices[0].message

    assert whole.content == streamed.content == "a heron"
    assert whole.reasoning_content == streamed.reasoning_content != ""


async def test_the_sdk_sees_a_cut_answer_as_one(sdk):
    answer = await sdk.create(model=MODEL, messages=question("say: a b c d e f"), max_tokens=2)

    assert answer.choices[0].finish_reason == "length"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rejected", openai.RateLimitError),
        ("401", openai.AuthenticationError),
        ("404", openai.NotFoundError),
        ("400", openai.BadRequestError),
        ("529", openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_the_sdk_raises_what_the_provider_says(sdk, provider, fault, error, stream):
    provider.fault(fault)
    with pytest.raises(error):
        await sdk.create(model=MODEL, messages=question("hi"), stream=stream)


@pytest.mark.parametrize("fault", ["cut", "no_stop", "error_mid"])
async def test_the_sdk_never_takes_a_broken_stream_for_an_answer(sdk, provider, fault):
    provider.fault(fault)
    stream = await sdk.create(model=MODEL, messages=question("[[sim:tokens=40]] go"), stream=True)
    with pytest.raises(openai.APIError):
        async for _ in stream:
            pass


async def test_the_sdk_asks_for_an_effort_and_for_json(sdk, provider):
    ask = {"model": MODEL, "messages": question('say: Here: {"a": [1]} there.')}
    ask |= {"reasoning_effort": "high", "response_format": {"type": "json_object"}}
    whole = await sdk.create(**ask)
    stream = await sdk.create(**ask, stream=True)
    pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    received = json.loads(provider.calls[-1].body)

    assert json.loads(whole.choices[0].message.content) == json.loads("".join(pieces)) == {"a": [1]}
    assert received["output_config"] == {"effort": "high"}
    assert received["thinking"] == {"type": "adaptive"}
    assert "JSON" in received["system"][-1]["text"]

"""The official OpenAI SDK through the proxy, a worker and the real claude CLI."""

import base64
import json

import openai
import pytest

from tests.e2e.rig import KEY, MODEL, PIXEL, cli_engine, served_by, team, worker
from tests.simulator_rig import Simulator

pytestmark = [pytest.mark.cli, pytest.mark.timeout(120)]

SEE = {
    "type": "function",
    "function": {
        "name": "see",
        "description": "Look at a place.",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    },
}


@pytest.fixture
async def simulator():
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def ann(simulator, tmp_path):
    engine = cli_engine("ann", simulator, tmp_path, "CLAUDE_CODE_OAUTH_TOKEN")
    async with worker("ann", engine, tmp_path) as ann:
        yield ann


@pytest.fixture
async def fleet(tmp_path, simulator, ann):
    async with team(tmp_path, [served_by("ann", ann)], simulator) as fleet:
        yield fleet


@pytest.fixture
async def chat(fleet):
    client = openai.AsyncOpenAI(api_key=KEY, base_url=f"{fleet.url}/v1", max_retries=0)
    async with client as sdk:
        yield sdk.chat.completions


def question(words):
    return {"role": "user", "content": words}


async def test_it_remembers_a_word_over_turns(chat, fleet):
    messages = [
        {"role": "developer", "content": "You are a heron."},
        question("Please remember the word heron."),
    ]
    first = await chat.create(model=MODEL, max_completion_tokens=77, messages=messages)
    answer = first.choices[0].message
    messages += [answer.model_dump(include={"role", "content"}), question("Which word?")]
    second = await chat.create(model=MODEL, messages=messages)
    received = json.loads(fleet.simulator.calls[0].body)

    assert "heron" in second.choices[0].message.content
    assert (second.object, second.choices[0].finish_reason) == ("chat.completion", "stop")
    assert received["max_tokens"] == 77
    assert "You are a heron." in json.dumps(received["system"])


async def test_it_streams_true_deltas_and_the_usage_that_was_charged(chat, fleet):
    stream = await chat.create(
        model=MODEL,
        messages=[question("say: one two three four five")],
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = [chunk async for chunk in stream]
    pieces = [piece for chunk in chunks if (piece := chunk.choices[0].delta.content)]
    line = await fleet.line()

    assert "".join(pieces) == "one two three four five"
    assert len(pieces) > 1
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.usage.completion_tokens == len(pieces)
    assert (line["route"], line["outcome"], line["output_tokens"]) == ("chat", "ok", len(pieces))


async def test_an_image_reaches_the_provider(chat):
    url = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
    content = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "Describe the image."},
    ]
    answer = await chat.create(model=MODEL, messages=[question(content)])

    assert "image/png" in answer.choices[0].message.content


@pytest.mark.parametrize("streamed", [False, True])
async def test_it_runs_tools_of_its_own(chat, fleet, streamed):
    orders = "".join(f'[[sim:tool=see {{"at": "{place}"}}]]' for place in ("lake", "shore"))
    ask = {"model": MODEL, "tools": [SEE], "messages": [question(orders)]}
    first = await (streaming(chat, ask) if streamed else chat.create(**ask))
    (choice,) = first.choices
    calls = choice.message.tool_calls
    ask["messages"] += [
        {"role": "assistant", "tool_calls": [call.to_dict() for call in calls]},
        *({"role": "tool", "tool_call_id": call.id, "content": "a heron"} for call in calls),
        question("say: I saw them"),
    ]
    second = await chat.create(**ask)
    told = json.loads(fleet.simulator.calls[-1].body)["messages"]

    assert choice.finish_reason == "tool_calls"
    assert [call.function.name for call in calls] == ["see", "see"]
    assert [json.loads(call.function.arguments)["at"] for call in calls] == ["lake", "shore"]
    assert second.choices[0].message.content == "I saw them"
    assert json.dumps(told).count("a heron") == 2


async def streaming(chat, ask):
    async with chat.stream(**ask) as stream:
        return await stream.get_final_completion()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_limit_is_an_exception_and_never_an_answer(chat, fleet, stream):
    fleet.simulator.exhaust("ann", resets_in=3600)
    with pytest.raises(openai.RateLimitError) as caught:
        await chat.create(model=MODEL, messages=[question("hi")], stream=stream)

    assert caught.value.status_code == 429
    assert caught.value.type == "rate_limit_error"
    assert int(caught.value.response.headers["retry-after"]) == pytest.approx(3600, abs=10)
    assert caught.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("fault", ["cut", "reset", "error_mid"])
async def test_a_broken_stream_is_an_exception_and_never_a_clean_end(chat, fleet, fault):
    fleet.simulator.fault(fault, count=None)
    assert await broken_off(chat, "[[sim:tokens=40 rate=50]] go")


async def test_a_worker_that_dies_in_mid_stream_is_an_exception_too(chat, ann):
    assert await broken_off(chat, "[[sim:tokens=4000 rate=50]] go", ann.process.kill)


async def broken_off(chat, words, on_first=lambda: None):
    """What came of a stream before its exception; nothing of it may call itself finished."""
    chunks = []
    stream = await chat.create(model=MODEL, messages=[question(words)], stream=True)
    with pytest.raises(openai.APIError):
        await gathered(stream, chunks, on_first)
    assert not [chunk for chunk in chunks if chunk.choices[0].finish_reason]
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


async def gathered(stream, chunks, on_first):
    async for chunk in stream:
        if not chunks:
            on_first()
        chunks.append(chunk)


async def test_a_schema_a_choice_and_the_sampling_reach_the_provider(chat, fleet):
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    await chat.create(
        model=MODEL,
        messages=[question("hi")],
        tools=[SEE],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0.5,
        stop=["zzz"],
        extra_body={"thinking": {"type": "disabled"}},
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "nothing", "strict": True, "schema": schema},
        },
    )
    received = json.loads(fleet.simulator.calls[0].body)

    assert received["output_config"]["format"] == {"type": "json_schema", "schema": schema}
    assert received["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert (received["temperature"], received["stop_sequences"]) == (0.5, ["zzz"])


async def test_thinking_is_told_as_reasoning(chat):
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    ask = {"model": MODEL, "messages": [question("say: a heron")], "extra_body": thinking}
    answer = (await streaming(chat, ask)).choices[0].message

    assert answer.content == "a heron"
    assert answer.reasoning_content


async def test_a_json_object_comes_without_what_stands_around_it(chat):
    answer = await chat.create(
        model=MODEL,
        messages=[question('say: Here: {"a": [1]} there.')],
        response_format={"type": "json_object"},
    )

    assert json.loads(answer.choices[0].message.content) == {"a": [1]}


async def test_what_cannot_be_honoured_is_named_or_strictly_refused(chat, fleet):
    ask = {"model": MODEL, "messages": [question("say: a heron")], "seed": 7}
    served = await chat.with_raw_response.create(**ask)
    with pytest.raises(openai.BadRequestError, match="not honoured here: seed"):
        await chat.create(**ask, extra_headers={"x-headgate-strict": "1"})

    assert served.headers["x-headgate-ignored"] == "seed"
    assert len(fleet.simulator.calls) == 1

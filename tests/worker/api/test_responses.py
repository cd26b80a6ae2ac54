"""Responses: the official SDK's own types over a worker, and what the SDK does not show."""

import json

import openai
import pytest
from pydantic import BaseModel

from tests.simulator_rig import Simulator
from tests.worker.rig import BLOCK, START, text, until_cut, worker_of
from worker.core.verdict import Kind, Verdict
from worker.engines.base import TurnFailedError

PATH = "/v1/responses"
MODEL = "claude-sonnet-5-5"
STREAM = {"model": MODEL, "input": "hi", "stream": True}
BROKE = TurnFailedError(Verdict(Kind.WORKER_ERROR, started=True), 502, "api_error", "broke")
SEE = {
    "type": "function",
    "name": "see",
    "description": "Look at a place.",
    "strict": False,
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
}


@pytest.fixture
async def provider():
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def served(provider):
    async with worker_of(provider.url) as served:
        yield served


@pytest.fixture
async def sdk(served):
    client = openai.AsyncOpenAI(
        api_key="x", base_url=f"{served.url}/v1", max_retries=0, _strict_response_validation=True
    )
    async with client as sdk:
        yield sdk.responses


def received(provider, index=-1):
    return json.loads(provider.calls[index].body)


async def test_the_sdk_gets_a_response(sdk, provider):
    answer = await sdk.create(
        model=MODEL,
        input="say: a heron",
        instructions="Be brief.",
        max_output_tokens=50,
        metadata={"of": "birds"},
        temperature=0.5,
    )

    assert (answer.output_text, answer.status, answer.object) == (
        "a heron",
        "completed",
        "response",
    )
    assert answer.usage.total_tokens == answer.usage.input_tokens + 2
    assert (answer.instructions, answer.max_output_tokens) == ("Be brief.", 50)
    assert (answer.metadata, answer.temperature) == ({"of": "birds"}, 0.5)
    assert received(provider)["max_tokens"] == 50
    assert received(provider)["system"] == [{"type": "text", "text": "Be brief."}]


async def test_the_sdk_streams_the_sequence_of_events(sdk):
    stream = await sdk.create(model=MODEL, input="say: one two three", stream=True)
    events = [event async for event in stream]
    names = [event.type.removeprefix("response.") for event in events]
    deltas = [event.delta for event in events if event.type.endswith("text.delta")]
    ids = {getattr(event, "item_id", None) for event in events} - {None}

    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert names[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert names[4:-4] == ["output_text.delta"] * len(deltas)
    assert names[-4:] == [
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert "".join(deltas) == events[-4].text == events[-1].response.output_text
    assert ids == {events[-1].response.output[0].id}
    assert events[0].response.id == events[-1].response.id
    assert events[-1].response.usage.output_tokens == len(deltas)


async def test_the_sdk_gets_the_same_streamed_or_not(sdk):
    ask = {
        "model": MODEL,
        "input": "say: a heron",
        "reasoning": {"effort": "low", "summary": "auto"},
    }
    ask["model"] = "claude-sonnet-4-5"
    whole = await sdk.create(**ask)
    async with sdk.stream(**ask) as stream:
        streamed = await stream.get_final_response()

    assert whole.output_text == streamed.output_text == "a heron"
    assert [item.type for item in whole.output] == ["reasoning", "message"]
    assert whole.output[0].summary[0].text == streamed.output[0].summary[0].text != ""
    assert [item.type for item in streamed.output] == ["reasoning", "message"]


async def test_thoughts_come_only_where_they_are_asked_for(sdk):
    ask = {"model": "claude-sonnet-4-5", "input": "say: a heron", "reasoning": {"effort": "low"}}
    async with sdk.stream(**ask) as stream:
        names = {event.type async for event in stream}
    whole = await sdk.create(**ask)

    assert whole.output[0].summary == []
    assert not [name for name in names if "reasoning" in name]


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_sdk_runs_a_tool_loop_without_a_store(sdk, provider, streamed):
    said = [{"role": "user", "content": '[[sim:tool=see {"at": "the ünlit lake"}]] Look!'}]
    ask = {
        "model": "claude-sonnet-4-5",
        "tools": [SEE],
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "low"},
    }
    first = await (final(sdk, ask, said) if streamed else sdk.create(**ask, input=said))
    said += [item.to_dict() for item in first.output]
    (call,) = [item for item in first.output if item.type == "function_call"]
    said += [
        {"type": "function_call_output", "call_id": call.call_id, "output": "a heron"},
        {"role": "user", "content": "say: I saw it"},
    ]
    second = await sdk.create(**ask, input=said)
    _, assistant, results = received(provider)["messages"]

    assert json.loads(call.arguments) == {"at": "the ünlit lake"}
    assert second.output_text == "I saw it"
    # The provider checks the signature of what it thought.
    assert [block["type"] for block in assistant["content"]] == ["thinking", "text", "tool_use"]
    assert results["content"][0]["tool_use_id"] == call.call_id


async def final(sdk, ask, said):
    async with sdk.stream(**ask, input=said) as stream:
        return await stream.get_final_response()


class Bird(BaseModel):
    name: str


async def test_the_sdk_parses_what_keeps_to_a_schema(sdk, provider):
    answer = await sdk.parse(model=MODEL, input='say: {"name": "heron"}', text_format=Bird)
    form = received(provider)["output_config"]["format"]

    assert answer.output_parsed == Bird(name="heron")
    assert (form["type"], form["schema"]["required"]) == ("json_schema", ["name"])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_json_object_comes_without_what_stands_around_it(sdk, provider, stream):
    ask = {"model": MODEL, "input": 'say: Here: {"a": [1]} there.'}
    ask["text"] = {"format": {"type": "json_object"}}
    if stream:
        async with sdk.stream(**ask) as events:
            answer = await events.get_final_response()
    else:
        answer = await sdk.create(**ask)

    assert json.loads(answer.output_text) == {"a": [1]}
    assert "JSON" in json.dumps(received(provider)["system"])


async def test_a_cut_answer_is_incomplete(sdk):
    ask = {"model": MODEL, "input": "say: a b c d e f", "max_output_tokens": 2}
    whole = await sdk.create(**ask)
    *_, last = [event async for event in await sdk.create(**ask, stream=True)]

    for answer in (whole, last.response):
        assert (answer.status, answer.incomplete_details.reason) == (
            "incomplete",
            "max_output_tokens",
        )
        assert answer.output[-1].status == "incomplete"
    assert last.type == "response.incomplete"


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_conversation_goes_on_from_a_response(sdk, provider, streamed):
    ask = {"model": MODEL, "input": "Please remember the word heron.", "instructions": "Once."}
    ask["input"] = [
        {"role": "developer", "content": "Always."},
        {"role": "user", "content": ask["input"]},
    ]
    if streamed:
        async with sdk.stream(**ask) as stream:
            first = await stream.get_final_response()
    else:
        first = await sdk.create(**ask)
    second = await sdk.create(model=MODEL, input="Which word?", previous_response_id=first.id)
    third = await sdk.create(model=MODEL, input="say: yes", previous_response_id=second.id)

    assert "heron" in second.output_text
    assert second.previous_response_id == first.id
    assert len(received(provider)["messages"]) == 5
    # What developers said stays, instructions do not.
    assert received(provider)["system"] == [{"type": "text", "text": "Always."}]
    assert third.output_text == "yes"


async def test_a_response_is_told_again(sdk):
    first = await sdk.create(model=MODEL, input="say: a heron", tools=[SEE], metadata={"a": "b"})

    assert await sdk.retrieve(first.id) == first


async def test_what_is_not_stored_cannot_be_gone_on_from(sdk):
    first = await sdk.create(model=MODEL, input="hi", store=False)
    for call in (
        sdk.create(model=MODEL, input="more", previous_response_id=first.id),
        sdk.create(model=MODEL, input="more", previous_response_id="resp_0"),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            await call
        assert caught.value.code == "previous_response_not_found"
    with pytest.raises(openai.NotFoundError):
        await sdk.retrieve(first.id)


async def test_another_clients_response_is_unknown(served):
    body = {"model": MODEL, "input": "hi"}
    alice, bob = ({"x-headgate-client": name} for name in ("alice", "bob"))
    async with served.post(body, PATH, headers=alice) as answer:
        first = (await answer.json())["id"]
    statuses = []
    for headers in (bob, alice):
        body["previous_response_id"] = first
        async with served.post(body, PATH, headers=headers) as answer:
            statuses.append(answer.status)

    assert statuses == [400, 200]


async def test_an_id_holds_the_session(worker, engine):
    session = "0123456789abcdef" * 2
    engine.answer = json.dumps({"id": "msg_1", "type": "message", "content": []}).encode()
    async with worker.post(
        {"model": MODEL, "input": "hi"}, PATH, headers={"x-headgate-session": session}
    ) as answer:
        named = (await answer.json())["id"]

    assert named.startswith(f"resp_{session}")
    assert len(named) == len("resp_") + 48


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"tools": [{"type": "custom", "name": "x"}]}, "tools"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"include": ["message.output_text.logprobs"]}, "logprobs"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "id"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input.0"),
        ({"input": []}, "messages"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format"),
        ({"tools": [SEE], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"reasoning": {"effort": "huge"}}, "effort"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name(worker, engine, fields, named):
    async with worker.post({"model": MODEL, "input": "hi"} | fields, PATH) as answer:
        body = await answer.json()

    assert answer.status == 400
    assert answer.headers["x-headgate-verdict"] == "client_error"
    assert named in body["error"]["message"]
    assert not engine.turns


async def test_a_failure_after_content_is_one_error_event_and_a_cut(worker, engine):
    engine.script = (START, BLOCK, text("x"), BROKE)
    async with worker.post(STREAM, PATH) as answer:
        sent, clean = await until_cut(answer)
    *_, last = sent.decode().strip().split("\n\n")
    name, data = last.split("\n")

    assert not clean
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["message"] == "broke"
    assert b"completed" not in sent


@pytest.mark.parametrize("fault", ["cut", "no_stop", "error_mid"])
async def test_the_sdk_never_takes_a_broken_stream_for_an_answer(sdk, provider, fault):
    provider.fault(fault)
    stream = await sdk.create(model=MODEL, input="[[sim:tokens=40]] go", stream=True)
    with pytest.raises(openai.APIError):
        async for _ in stream:
            pass


@pytest.mark.parametrize("stream", [False, True])
async def test_the_sdk_raises_what_the_provider_says(sdk, provider, stream):
    provider.fault("rejected")
    with pytest.raises(openai.RateLimitError):
        await sdk.create(model=MODEL, input="hi", stream=stream)


async def test_images_and_files_reach_the_provider(sdk, provider):
    content = [
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,aGk="},
        {"type": "input_file", "file_data": "data:application/pdf;base64,aGk="},
        {"type": "input_text", "text": "Describe."},
    ]
    await sdk.create(model=MODEL, input=[{"role": "user", "content": content}])
    (message,) = received(provider)["messages"]

    assert [block["type"] for block in message["content"]] == ["image", "document", "text"]

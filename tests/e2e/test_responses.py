"""Responses of the official OpenAI SDK through the proxy, a worker and the real claude CLI."""

import json

import openai
import pytest

from tests.e2e.rig import KEY, MODEL, cli_engine, served_by, team, worker
from tests.simulator_rig import Simulator

pytestmark = [pytest.mark.cli, pytest.mark.timeout(120)]

SEE = {
    "type": "function",
    "name": "see",
    "strict": False,
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
}


@pytest.fixture
async def simulator():
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def ann(simulator, tmp_path):
    async with worker("ann", cli_engine("ann", simulator, tmp_path), tmp_path) as ann:
        yield ann


@pytest.fixture
async def fleet(tmp_path, simulator, ann):
    async with team(tmp_path, [served_by("ann", ann)], simulator) as fleet:
        yield fleet


@pytest.fixture
async def sdk(fleet):
    async with client_of(fleet) as sdk:
        yield sdk.responses


def client_of(fleet):
    return openai.AsyncOpenAI(
        api_key=KEY, base_url=f"{fleet.url}/v1", max_retries=0, _strict_response_validation=True
    )


async def test_conversations_go_on_where_they_began(tmp_path, simulator, ann):
    """Whoever asks the other account for a response gets none."""
    told = {}
    async with (
        worker("ben", cli_engine("ben", simulator, tmp_path), tmp_path) as ben,
        team(tmp_path, [served_by("ann", ann), served_by("ben", ben)], simulator) as fleet,
        client_of(fleet) as client,
    ):
        for index, word in enumerate(("heron", "ibis", "stork", "crane")):
            ask = {"model": MODEL, "input": f"Please remember the word {word}."}
            sdk = client.responses
            first = await (final(sdk, ask) if index % 2 else sdk.create(**ask))
            second = await sdk.create(
                model=MODEL,
                input="Which word?",
                previous_response_id=first.id,
                prompt_cache_key="of another conversation",
            )
            told[word] = second.output_text

    assert all(word in answer for word, answer in told.items())
    assert {call.account for call in simulator.calls} == {"ann", "ben"}


async def final(sdk, ask):
    async with sdk.stream(**ask) as stream:
        return await stream.get_final_response()


async def test_an_unknown_response_is_told_as_such(sdk, fleet):
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.create(model=MODEL, input="hi", previous_response_id=f"resp_{'0' * 48}")

    assert caught.value.code == "previous_response_not_found"
    assert not fleet.simulator.calls


async def test_it_streams_true_deltas_and_the_usage_that_was_charged(sdk, fleet):
    stream = await sdk.create(model=MODEL, input="say: one two three four five", stream=True)
    events = [event async for event in stream]
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    line = await fleet.line()

    assert "".join(pieces) == "one two three four five"
    assert len(pieces) > 1
    assert events[-1].response.usage.output_tokens == len(pieces)
    assert (line["route"], line["outcome"]) == ("responses", "ok")
    assert line["output_tokens"] == len(pieces)


@pytest.mark.parametrize("streamed", [False, True])
async def test_it_runs_tools_of_its_own(sdk, fleet, streamed):
    orders = "".join(f'[[sim:tool=see {{"at": "{place}"}}]]' for place in ("lake", "shore"))
    ask = {"model": MODEL, "tools": [SEE], "input": orders}
    first = await (final(sdk, ask) if streamed else sdk.create(**ask))
    calls = [item for item in first.output if item.type == "function_call"]
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "a heron"}
        for call in calls
    ]
    second = await sdk.create(
        model=MODEL,
        tools=[SEE],
        previous_response_id=first.id,
        input=[*results, {"role": "user", "content": "say: I saw them"}],
    )
    told = json.loads(fleet.simulator.calls[-1].body)["messages"]

    assert [json.loads(call.arguments)["at"] for call in calls] == ["lake", "shore"]
    assert second.output_text == "I saw them"
    assert json.dumps(told).count("a heron") == 2


@pytest.mark.parametrize("fault", ["cut", "error_mid"])
async def test_a_broken_stream_is_an_exception_and_never_a_clean_end(sdk, fleet, fault):
    fleet.simulator.fault(fault, count=None)
    stream = await sdk.create(model=MODEL, input="[[sim:tokens=40 rate=50]] go", stream=True)
    with pytest.raises(openai.APIError):
        async for _ in stream:
            pass

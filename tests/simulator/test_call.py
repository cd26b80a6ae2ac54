import pytest

from simulator.config import AccountConfig, Config, Pacing
from tests.simulator_rig import Simulator

CONFIG = Config(
    accounts=(AccountConfig("alice", pacing=Pacing(tokens=7)), AccountConfig("bob")),
    pacing=Pacing(tokens=9),
)


@pytest.fixture
async def sim():
    async with Simulator(CONFIG) as simulator:
        yield simulator


@pytest.mark.parametrize(
    ("key", "said", "tokens"),
    [
        ("sim-bob", "hello", 9),
        ("sim-alice", "hello", 7),
        # The prompt wins over the account's own pace, and that over the usual one.
        ("sim-alice", "hello [[sim:tokens=3]]", 3),
    ],
)
async def test_the_nearest_pacing_counts(client, key, said, tokens):
    async with client.post(said, headers={"x-api-key": key}) as answer:
        usage = (await answer.json())["usage"]

    assert usage["output_tokens"] == tokens


async def test_a_pace_that_is_no_number_is_the_clients_fault(client):
    async with client.post("[[sim:rate=fast]]") as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["type"]) == (400, "invalid_request_error")


async def test_markers_in_earlier_turns_are_history(client):
    messages = [
        {"role": "user", "content": "[[sim:fault=500]]"},
        {"role": "assistant", "content": "ok"},
        {"role": "user", "content": "say: fine"},
        {"role": "system", "content": "[[sim:fault=500]]"},
    ]
    async with client.post(messages=messages) as answer:
        message = await answer.json()

    assert message["content"][0]["text"] == "fine"

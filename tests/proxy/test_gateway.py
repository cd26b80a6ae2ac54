"""The request path over several accounts: where a request goes, and how often."""

from collections import Counter

import pytest

from tests.e2e.rig import plain, team
from tests.simulator_rig import Simulator

NAMES = ("ann", "bob", "cid")


@pytest.fixture
async def fleet(tmp_path):
    async with (
        Simulator() as simulator,
        team(tmp_path, [plain(name, simulator) for name in NAMES], simulator) as fleet,
    ):
        yield fleet


def tried(fleet):
    return Counter(call.account for call in fleet.simulator.calls)


async def test_a_limited_account_is_asked_once_and_the_next_one_serves(fleet):
    fleet.simulator.fault("rejected", count=1)
    status, _ = await fleet.ask("hi")

    assert status == 200
    assert sorted(tried(fleet).values()) == [1, 1]


async def test_a_throttled_request_stays_once_and_goes_elsewhere_once(fleet):
    fleet.simulator.fault("throttled", count=None)
    status, body = await fleet.ask("hi")

    assert (status, body["error"]["type"]) == (429, "rate_limit_error")
    assert sorted(tried(fleet).values()) == [1, 2]


async def test_without_budget_a_failure_is_answered_at_once(tmp_path):
    async with Simulator() as simulator:
        accounts = [plain(name, simulator) for name in NAMES]
        retries = {"share": 0, "floor": 0}
        async with team(tmp_path, accounts, simulator, retries=retries) as fleet:
            simulator.fault("throttled", count=None)
            for _ in range(4):
                await fleet.ask("hi")
            before = len(simulator.calls)
            for _ in range(10):
                await fleet.ask("hi")

    assert len(simulator.calls) - before <= 12


async def test_models_and_token_counts_are_served_too(fleet):
    async with fleet.http.get(f"{fleet.url}/v1/models?limit=1000") as answer:
        models = await answer.json()
    asked = {"model": "claude-sonnet-5-5", "messages": [{"role": "user", "content": "hi"}]}
    async with fleet.http.post(f"{fleet.url}/v1/messages/count_tokens", json=asked) as answer:
        counted = await answer.json()

    assert [model["id"] for model in models["data"]]
    assert counted["input_tokens"] > 0


async def test_a_clients_limits_are_its_own(tmp_path):
    async with Simulator() as simulator:
        clients = [
            {"name": "alice", "key": "team-key-0123456789abcdef", "limits": {"models": ["haiku"]}},
            {"name": "bob", "key": "bobs-key-0123456789abcdef"},
        ]
        async with team(tmp_path, [plain("ann", simulator)], simulator, clients=clients) as fleet:
            refused, body = await fleet.ask("hi")
            served, _ = await fleet.ask("hi", model="claude-haiku-5-5")

    assert (refused, body["error"]["type"], served) == (404, "not_found_error", 200)

"""Sessions stay on their account, spread within the bound, and move only when it cannot serve."""

import asyncio
import json
from collections import Counter, defaultdict

import pytest

from tests.e2e.rig import plain, team
from tests.simulator_rig import Simulator

NAMES = ("ann", "bob", "cid")


@pytest.fixture
async def fleet(tmp_path):
    async with (
        Simulator() as simulator,
        team(tmp_path, [plain(n, simulator, concurrency=20) for n in NAMES], simulator) as fleet,
    ):
        yield fleet


async def converse(fleet, session, turns):
    """One conversation, turn after turn; the account of each turn."""
    messages, statuses = [], []
    for turn in range(turns):
        messages.append({"role": "user", "content": f"say: {session} turn {turn}"})
        async with fleet.post("", messages=messages, headers={"x-session-id": session}) as answer:
            statuses.append(answer.status)
            body = await answer.json()
        messages.append({"role": "assistant", "content": body.get("content", str(body))})
    return statuses


def accounts_by_session(fleet):
    """Where the provider saw each conversation, in order."""
    seen = defaultdict(list)
    for call in fleet.simulator.calls:
        first = json.loads(call.body)["messages"][0]["content"].split()[1]
        if call.status == 200:
            seen[first].append(call.account)
    return seen


async def test_sixty_conversations_stay_where_they_began_and_are_spread(fleet):
    sessions = [f"session-{n}" for n in range(60)]
    statuses = await asyncio.gather(*(converse(fleet, session, 5) for session in sessions))

    assert {status for turns in statuses for status in turns} == {200}
    seen = accounts_by_session(fleet)
    assert {session: len(set(accounts)) for session, accounts in seen.items()} == dict.fromkeys(
        sessions, 1
    )
    loads = Counter(accounts[0] for accounts in seen.values())
    assert max(loads.values()) <= 1.25 * 60 / 3 + 1


async def test_an_exhausted_account_moves_its_own_sessions_once_and_no_client_notices(fleet):
    sessions = [f"session-{n}" for n in range(30)]
    await asyncio.gather(*(converse(fleet, session, 2) for session in sessions))
    homes = {session: accounts[0] for session, accounts in accounts_by_session(fleet).items()}
    fleet.simulator.exhaust("bob", resets_in=3600)
    statuses = await asyncio.gather(*(converse(fleet, session, 3) for session in sessions))

    assert {status for turns in statuses for status in turns} == {200}
    after = {session: set(accounts[2:]) for session, accounts in accounts_by_session(fleet).items()}
    assert all(len(accounts) == 1 for accounts in after.values())
    stayed = {session for session in sessions if after[session] == {homes[session]}}
    assert stayed == {session for session in sessions if homes[session] != "bob"}
    assert (await fleet.states())["bob"].state == "quota"


async def test_after_the_reset_one_canary_goes_first(fleet):
    await asyncio.gather(*(converse(fleet, f"session-{n}", 1) for n in range(30)))
    fleet.simulator.exhaust("bob", resets_in=2)
    await asyncio.gather(*(converse(fleet, f"session-{n}", 1) for n in range(30)))
    rest = (await fleet.states())["bob"].cooldowns["*"]
    fleet.simulator.pace(latency=0.3)
    served_before = sum(call.account == "bob" for call in fleet.simulator.calls)

    async def knock(n):
        """A new session each, so that the account that came back is wanted by many."""
        await asyncio.sleep(max(0.0, rest.until - fleet.app.pool.now()))
        return await converse(fleet, f"new-{n}", 1)

    statuses = await asyncio.gather(*(knock(n) for n in range(24)))

    assert statuses == [[200]] * 24
    fresh = [call for call in fleet.simulator.calls if call.account == "bob"][served_before:]
    canary, *others = sorted(fresh, key=lambda call: call.started_at)
    assert all(call.started_at >= canary.ended_at for call in others)

"""Sessions through the proxy: a client's own, wherever they are, and nobody else's."""

import asyncio
from contextlib import AsyncExitStack
from time import time

import openai
import pytest

from simulator.plans import Plan, Window
from tests.e2e.rig import KEY, MODEL, api_engine, plain, served_by, team, worker
from tests.simulator_rig import Simulator

BOB = {"x-api-key": "bobs-key-0123456789abcdef"}
CLIENTS = [{"name": "alice", "key": KEY}, {"name": "bob", "key": BOB["x-api-key"]}]


@pytest.fixture
async def fleet(tmp_path):
    """Two workers and a plain Messages API that is too small to matter."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator())
        started = [worker(n, api_engine(n, simulator), tmp_path) for n in ("ann", "bea")]
        workers = await asyncio.gather(*map(stack.enter_async_context, started))
        accounts = [served_by(f"{name}-1", each) for name, each in zip("ab", workers, strict=True)]
        accounts.append(plain("cid", simulator, weight=0.001))
        made = team(tmp_path, accounts, simulator, clients=CLIENTS, expose_account=True)
        fleet = await stack.enter_async_context(made)
        fleet.workers = workers
        yield fleet


async def converse(fleet, session, turns=1, **headers):
    for turn in range(turns):
        named = {"x-session-id": session, **headers}
        async with fleet.post(f"say: {session} {turn}", headers=named) as answer:
            assert answer.status == 200
            await answer.read()


async def told(fleet, path, method="GET", **headers):
    async with fleet.http.request(method, fleet.url + path, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_a_client_lists_its_sessions_of_all_workers(fleet):
    names = [f"session-{number}" for number in range(12)]
    await asyncio.gather(*(converse(fleet, name, 2) for name in names))
    await converse(fleet, "bobs", **BOB)
    status, page = await told(fleet, "/v1/sessions?limit=100")
    _, theirs = await told(fleet, "/v1/sessions", **BOB)
    _, conversations = await told(fleet, "/v1/conversations?limit=5")

    kept = page["data"]
    assert status == 200
    assert "partial" not in page
    assert {each["account"] for each in kept} == {"a-1", "b-1"}
    assert len(kept) + len([call for call in fleet.simulator.calls if call.account == "cid"]) >= 12
    assert {each["turns"] for each in kept} == {2}
    assert len(theirs["data"]) <= 1
    assert not {each["id"] for each in theirs["data"]} & {each["id"] for each in kept}
    assert [each["id"] for each in conversations["data"]] == [each["id"] for each in kept[:5]]


async def test_a_sessions_usage_is_what_the_provider_charged(fleet):
    for name in ("ann", "bea"):
        fleet.simulator.plan(name, Plan({"tokens": Window(1_000_000, "tokens")}))
    await converse(fleet, "mine", 3)
    _, page = await told(fleet, "/v1/sessions")
    (session,) = page["data"]

    accounts = [fleet.simulator.provider.accounts.named(name) for name in ("ann", "bea")]
    charged = [each.ledger.standings(MODEL, time())[0].used for each in accounts]
    assert sum(session["usage"].values()) == sum(charged) > 0
    assert session["turns"] == 3


async def test_one_session_is_read_and_forgotten_by_its_own_client_only(fleet):
    await converse(fleet, "mine", 2)
    _, page = await told(fleet, "/v1/sessions")
    path = f"/v1/sessions/{page['data'][0]['id']}"
    for method in ("GET", "DELETE"):
        assert (await told(fleet, path, method, **BOB))[0] == 404
    assert (await told(fleet, f"{path}/transcript", **BOB))[0] == 404
    seen = await told(fleet, path)
    _, transcript = await told(fleet, f"{path}/transcript")
    async with fleet.http.get(f"{fleet.url}{path}/transcript?format=markdown") as answer:
        kind, text = answer.content_type, await answer.text()
    deleted = await told(fleet, path, "DELETE")

    assert seen == (200, page["data"][0])
    assert [said["role"] for said in transcript["data"]] == ["user", "assistant"] * 2
    assert (kind, text.count("## user")) == ("text/markdown", 2)
    assert deleted == (200, {"id": seen[1]["id"], "object": "session.deleted", "deleted": True})
    assert (await told(fleet, path))[0] == 404


async def test_the_openai_sdk_reads_a_conversation_through_the_proxy(fleet):
    await converse(fleet, "mine")
    _, page = await told(fleet, "/v1/conversations")
    key = page["data"][0]["id"]
    async with openai.AsyncOpenAI(base_url=f"{fleet.url}/v1", api_key=KEY, max_retries=0) as sdk:
        found = await sdk.conversations.retrieve(key)
        items = [item async for item in sdk.conversations.items.list(key, order="asc")]
        with pytest.raises(openai.NotFoundError) as gone:
            await sdk.conversations.retrieve("0" * 32)

    assert found.id == key
    assert [item.role for item in items] == ["user", "assistant"]
    assert gone.value.body["message"] == "There is no such session."


async def test_a_response_is_retrieved_through_the_proxy(fleet):
    async with openai.AsyncOpenAI(base_url=f"{fleet.url}/v1", api_key=KEY, max_retries=0) as sdk:
        made = await sdk.responses.create(model=MODEL, input="say: hi")
        found = await sdk.responses.retrieve(made.id)
        with pytest.raises(openai.NotFoundError):
            await sdk.responses.retrieve(f"{made.id[:-1]}{'a' if made.id[-1] != 'a' else 'b'}")
    status, _ = await told(fleet, f"/v1/responses/{made.id}", **BOB)

    assert (found.id, found.output_text) == (made.id, made.output_text)
    assert status == 404


async def test_what_a_missing_worker_might_have_had_is_not_denied(fleet):
    await converse(fleet, "mine")
    _, before = await told(fleet, "/v1/sessions")
    (kept,) = before["data"]
    left = fleet.workers["ab".index(kept["account"][0])]
    left.process.kill()
    await left.process.wait()
    status, page = await told(fleet, "/v1/sessions")
    unsure, _ = await told(fleet, f"/v1/sessions/{kept['id']}")

    assert (status, page["data"], page["partial"]) == (200, [], True)
    assert unsure == 503


async def test_the_proxy_tells_its_own_version_and_nothing_of_its_workers(fleet):
    assert await told(fleet, "/version") == (200, {"name": "headgate", "version": "0.1.0"})
    assert (await told(fleet, "/stats"))[0] == 404
    assert (await told(fleet, "/v1/auth/status"))[0] == 404

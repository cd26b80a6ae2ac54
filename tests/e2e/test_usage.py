"""The usage that a worker tells is what the provider charged, with the real CLI."""

import asyncio
from contextlib import suppress
from time import time

import msgspec
import pytest

from simulator.plans import Plan, Window
from tests.simulator_rig import Simulator
from tests.worker.engines.cli_rig import KEYED, OAUTH, assistant, running, user
from tests.worker.rig import serving, until_cut

pytestmark = pytest.mark.cli

KEY = "5" * 32
MINE = {"x-headgate-client": "alice", "x-headgate-session": KEY}
MODEL = "claude-sonnet-4-5"


@pytest.fixture
async def sim():
    async with Simulator() as simulator:
        simulator.plan("alice", Plan({"tokens": Window(10_000_000, "tokens")}))
        yield simulator


@pytest.fixture
def login():
    return OAUTH


@pytest.fixture
async def worker(login, tmp_path, sim):
    async with running(tmp_path, sim.url, login) as engine, serving(engine) as served:
        yield served


def asked(*messages, **fields) -> dict:
    return {"model": MODEL, "max_tokens": 300, "messages": messages, **fields}


def charged(sim) -> float:
    """All tokens that the provider put on the account's bill."""
    ledger = sim.provider.accounts.named("alice").ledger
    return ledger.standings(MODEL, time())[0].used


async def session_of(worker) -> dict:
    async with worker.get(f"/v1/sessions/{KEY}", headers=MINE) as answer:
        return await answer.json()


@pytest.mark.parametrize("login", [OAUTH, KEYED], ids=["oauth", "key"])
@pytest.mark.parametrize("stream", [True, False])
async def test_every_turn_of_a_live_process_is_counted_as_it_was_charged(worker, sim, stream):
    said = []
    for number in range(3):
        said.append(user(f"say: number {number}"))
        async with worker.post(asked(*said, stream=stream), headers=MINE) as answer:
            assert answer.status == 200
            await answer.read()
        said.append(assistant(f"number {number}"))
    session = await session_of(worker)
    async with worker.get("/stats") as answer:
        stats = await answer.json()

    assert (session["turns"], session["live"]) == (3, True)
    assert sum(session["usage"].values()) == charged(sim)
    assert stats["tokens"] == {"sonnet": session["usage"]}
    assert session["usage"]["cache_read_input_tokens"] > 0


@pytest.mark.parametrize("stream", [True, False])
async def test_of_a_turn_that_was_left_all_is_counted_that_the_cli_has_told(worker, sim, stream):
    sim.pace(rate=20, tokens=200)
    begun = worker.post(asked(user("count"), stream=stream), headers=MINE)
    with suppress(TimeoutError):
        async with asyncio.timeout(2), begun as answer:
            await answer.read()
    await asyncio.wait_for(worker.parts.gate.idle(), 5)
    session = await session_of(worker)

    told = session["usage"]
    assert session["turns"] == 1
    assert sum(told.values()) - told["output_tokens"] == charged(sim) - 200


async def test_a_turn_that_broke_in_the_middle_is_counted_as_far_as_it_came(worker, sim):
    sim.pace(rate=100, tokens=60)
    sim.fault("cut")
    async with worker.post(asked(user("count"), stream=True), headers=MINE) as answer:
        _, clean = await until_cut(answer)
    told = (await session_of(worker))["usage"]

    assert not clean
    assert sum(told.values()) - told["output_tokens"] == charged(sim) - 60


async def test_what_is_forgotten_has_no_process_any_more(worker, sim):
    async with worker.post(asked(user("say: hi")), headers=MINE) as answer:
        await answer.read()
    before = (await session_of(worker))["live"]
    async with worker.session.delete(worker.url + f"/v1/sessions/{KEY}", headers=MINE) as answer:
        deleted = msgspec.json.decode(await answer.read())
    async with worker.get("/stats") as answer:
        stats = await answer.json()

    assert (before, deleted["deleted"]) == (True, True)
    assert stats["sessions"] == {"kept": 0, "bytes": 0, "live": 0}

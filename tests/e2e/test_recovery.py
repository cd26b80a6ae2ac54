"""Limits that end sooner or later than was announced, and clients that see nothing of it."""

import asyncio
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from math import inf

import pytest
from aiohttp import web

from proxy.core.account import ANY_MODEL, AccountName
from proxy.core.cooldown import Cooldown, Reason
from tests.e2e.rig import MODEL, api_engine, served_by, team, worker
from tests.simulator_rig import Simulator

QUARTER = 900


@pytest.fixture
async def simulator():
    async with Simulator() as simulator:
        yield simulator


def login(name, url, **more):
    """An account whose answers tell of windows, as a login's do."""
    return {"name": name, "url": url, "headers": {"authorization": f"Bearer sim-{name}"}, **more}


@asynccontextmanager
async def pair(folder, simulator, *, workers):
    """Two accounts, with workers or without."""
    async with AsyncExitStack() as stack:
        accounts = [login(name, simulator.url) for name in ("ann", "bob")]
        if workers:
            engine = api_engine("ann", simulator)
            del engine["api"]["key"]
            engine["api"]["headers"] = {"authorization": "Bearer sim-ann"}
            process = await stack.enter_async_context(worker("ann", engine, folder))
            accounts[0] = served_by("ann", process)
        yield await stack.enter_async_context(team(folder, accounts, simulator))


@pytest.mark.parametrize("workers", [False, True])
async def test_an_account_whose_limit_was_lifted_early_serves_again(tmp_path, simulator, workers):
    async with pair(tmp_path, simulator, workers=workers) as fleet:
        plan = simulator.provider.accounts.named("ann").ledger.plan
        simulator.exhaust("ann", resets_in=18_000)
        statuses = {(await fleet.ask(f"hi {n}"))[0] for n in range(20)}
        before, now = len(simulator.calls), time.time()
        await fleet.app.recovery.look(now)
        limited = (await fleet.states())["ann"].state
        simulator.plan("ann", plan)
        await fleet.app.recovery.look(now + QUARTER)
        trials = simulator.calls[before:]
        tried = (await fleet.states())["ann"].state
        answers = [await fleet.ask(f"new {n}") for n in range(20)]
        served = {call.account for call in simulator.calls[before + 1 :]}

    assert statuses == {status for status, _ in answers} == {200}
    assert (limited, tried) == ("quota", "ready")
    assert [call.account for call in trials] == ["ann"]
    assert served == {"ann", "bob"}


async def test_after_a_restart_a_model_that_was_asked_for_in_vain_will_do(tmp_path, simulator):
    async with team(tmp_path, [login("ann", simulator.url)], simulator) as fleet:
        await fleet.app.store.rest(
            AccountName("ann"), ANY_MODEL, Cooldown(time.time() + 18_000, Reason.QUOTA)
        )
        status, _ = await fleet.ask("hi")
        now = time.time()
        await fleet.app.recovery.look(now)
        await fleet.app.recovery.look(now + QUARTER)

        assert status == 429
        assert [json.loads(call.body)["model"] for call in simulator.calls] == [MODEL]
        assert (await fleet.ask("hi"))[0] == 200


@dataclass
class Stubborn:
    """A provider whose account goes on refusing after the reset that it announced first."""

    reset: float = inf
    asked: list = field(default_factory=list)

    async def answer(self, request):
        if request.headers["authorization"] != "Bearer sim-ann":
            return web.json_response({"type": "message", "usage": {}})
        self.reset = min(self.reset, time.time() + 1.5)
        self.asked.append(time.time())
        error = {"type": "rate_limit_error", "message": "no"}
        headers = {
            "anthropic-ratelimit-unified-5h-status": "rejected",
            "anthropic-ratelimit-unified-5h-reset": str(self.reset),
        }
        return web.json_response({"type": "error", "error": error}, status=429, headers=headers)


async def test_an_account_that_refuses_after_its_reset_backs_off_and_no_client_sees_it(tmp_path):
    provider = Stubborn()
    app = web.Application()
    app.router.add_post("/v1/messages", provider.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    accounts = [login("ann", url), login("bob", url, concurrency=1)]
    statuses, enough = set(), asyncio.Event()

    async def ask_on(fleet, client):
        n = 0
        while not enough.is_set():
            status, _ = await fleet.ask(f"{client} {n}")
            statuses.add(status)
            n += 1
            if time.time() > provider.reset + 2:
                enough.set()

    async with team(tmp_path, accounts, None) as fleet, asyncio.TaskGroup() as group:
        for client in range(6):
            group.create_task(ask_on(fleet, client))
    await runner.cleanup()

    after = [at - provider.reset for at in provider.asked if at > provider.reset - 0.2]
    assert statuses == {200}
    assert len(provider.asked) > len(after) == 1
    assert 0 < after[0] < 2

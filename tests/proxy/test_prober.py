import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web

from proxy.core.account import ANY_MODEL, Account
from proxy.core.cooldown import Cooldown, Reason
from proxy.prober import ProbePolicy, Prober
from tests.proxy.pool_rig import OPUS, A, B, a_call, rig, ticks, until

FAST = ProbePolicy(interval=0.02, gap=0.005, timeout=0.2)
HOUR = 3600.0


@dataclass
class Worker:
    """A worker's `/state` on a real socket, as well or as badly behaved as it is told."""

    state: dict = field(
        default_factory=lambda: {
            "account": "a",
            "ready": True,
            "reason": None,
            "login": {"ok": True, "expires_at": None},
            "windows": [],
            "limit": None,
            "something": {"new": 1},
        }
    )
    body: bytes | None = None
    status: int = 200
    deaf: bool = False
    cut: bool = False
    asked: int = 0
    tokens: set = field(default_factory=set)
    url: str = ""

    async def answer(self, request):
        self.asked += 1
        self.tokens.add(request.headers.get("authorization"))
        if self.deaf:
            await asyncio.Event().wait()
        if self.cut:
            request.transport.abort()
        body = json.dumps(self.state).encode() if self.body is None else self.body
        return web.Response(body=body, status=self.status, headers={"location": "/state"})


@asynccontextmanager
async def worker():
    one = Worker()
    app = web.Application()
    app.router.add_get("/state", one.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield one
    finally:
        await runner.cleanup()


def account(url, **fields):
    return Account(A, url, headers={"authorization": "Bearer token"}, **fields)


@asynccontextmanager
async def probed(policy=FAST, **options):
    """A pool with one account, its worker, and a prober at work; it has asked once."""
    async with worker() as one, rig("a", **options) as pool:
        pool.pool.replace([account(one.url)])
        async with Prober(pool.pool, pool.store, [account(one.url)], policy) as prober:
            await asked(one)
            yield pool, one, prober


async def asked(one, times=2):
    """Wait until a probe that began after this moment has been taken in."""
    enough = one.asked + times
    await until(lambda: one.asked >= enough)


async def state_becomes(pool, state):
    async with asyncio.timeout(10):
        async for _ in ticks():
            status = await pool.status(A)
            if status.state == state:
                break
    return status


async def test_workers_are_asked_with_their_token_again_and_again():
    async with probed() as (pool, one, _):
        await asked(one, 5)

        assert one.tokens == {"Bearer token"}
        assert (await pool.status(A)).state == "ready"


@pytest.mark.parametrize("reason", ["draining", "auth", None])
async def test_an_unready_worker_is_out_of_service_until_it_is_ready(reason):
    async with probed() as (pool, one, _):
        one.state |= {"ready": False, "reason": reason}
        unready = await state_becomes(pool, "not_ready")
        one.state |= {"ready": True}
        await state_becomes(pool, "ready")

        assert unready.detail == (reason or "not_ready")


@pytest.mark.parametrize(
    "fault",
    [
        {"deaf": True},
        {"cut": True},
        {"status": 500},
        {"status": 401},
        {"status": 302},
        {"body": b""},
        {"body": b"<html>"},
        {"body": b"[]"},
        {"body": b'{"ready": "perhaps"}'},
        {"body": b'{"ready": true}' + b" " * 100_000},
        {"body": b'{"a":' * 10_000},
    ],
    ids=lambda fault: str(fault)[:40],
)
async def test_a_worker_that_misbehaves_is_out_of_service_until_it_does_not(fault):
    async with probed() as (pool, one, _):
        well = vars(replace(one))
        vars(one).update(fault)
        unready = await state_becomes(pool, "not_ready")
        vars(one).update({name: well[name] for name in fault})
        await state_becomes(pool, "ready")

        assert unready.detail == "unreachable"


async def test_one_miss_alone_takes_out_of_service_only_whom_nobody_has_seen():
    patient = ProbePolicy(interval=0.02, gap=0.005, misses=10**6)
    async with worker() as one, rig("a", "b") as pool:
        accounts = [account("http://127.0.0.1:9"), Account(B, one.url)]
        async with Prober(pool.pool, pool.store, accounts, patient) as prober:
            await prober.surveyed()
            one.status = 500
            await asked(one, 5)

            assert (await pool.status(A)).state == "not_ready"
            assert (await pool.status(B)).state == "ready"


async def test_requests_beyond_a_workers_slots_wait_and_more_slots_let_them_in():
    async with probed() as (pool, one, _), asyncio.TaskGroup() as group:
        async with pool.pool.lease(a_call()):
            one.state["slots"] = {"max": 1, "busy": 1}
            await asked(one)
            second = group.create_task(pool.serve())
            await asked(one)
            waited = pool.pool.waiting
            one.state["slots"] = {"max": 2, "busy": 1}

            assert (waited, await second) == (1, A)


async def test_windows_become_headroom():
    async with probed() as (pool, one, _):
        resets = time.time() + HOUR
        one.state["windows"] = [
            {"name": "five_hour", "utilization": 0.42, "resets_at": resets, "status": "allowed"},
            {"name": "seven_day_opus", "utilization": 0.9, "resets_at": None},
        ]
        await asked(one)

        seen = {window.name: window for window in (await pool.status(A)).windows}
        assert (seen["five_hour"].utilization, seen["five_hour"].resets_at) == (0.42, resets)
        assert (seen["five_hour"].family, seen["seven_day_opus"].family) == (ANY_MODEL, OPUS)


async def test_a_limit_rests_the_account_and_its_early_end_wakes_it():
    async with probed() as (pool, one, _):
        until_ = time.time() + HOUR
        one.state["limit"] = {"kind": "quota", "scope": "account", "until": until_, "models": []}
        rested = await state_becomes(pool, "quota")
        one.state["limit"] = None
        await state_becomes(pool, "probation")

        assert rested.cooldowns == {ANY_MODEL: Cooldown(until_, Reason.QUOTA)}
        assert pool.events.told == [("rested", A, "quota"), ("woken", A)]


async def test_a_limit_that_runs_out_leaves_the_rest_as_it_is_spread():
    async with probed() as (pool, one, _):
        reset = time.time() + 0.2
        await pool.store.rest(A, ANY_MODEL, Cooldown(reset + HOUR, Reason.QUOTA))
        one.state["limit"] = {"kind": "quota", "scope": "account", "until": reset}
        await until(lambda: time.time() > reset)
        await asked(one)

        assert (await pool.status(A)).state == "quota"


async def test_a_limit_without_an_end_of_its_own_runs_out_and_wakes_nobody():
    async with probed() as (pool, one, _):
        forgotten = time.time() + 0.3
        one.state["limit"] = {"kind": "billing", "scope": "account", "until": forgotten}
        await state_becomes(pool, "billing")
        await until(lambda: time.time() > forgotten)
        one.state["limit"] = None
        await asked(one)

        assert (await pool.status(A)).state == "billing"


async def test_a_limit_of_a_model_rests_that_family():
    async with probed() as (pool, one, _):
        models = ["claude-opus-4-1"]
        until_ = time.time() + HOUR
        one.state["limit"] = {"kind": "model_limit", "scope": "model", "until": until_}
        one.state["limit"]["models"] = models
        await asked(one)

        assert (await pool.status(A)).cooldowns == {OPUS: Cooldown(until_, Reason.MODEL_LIMIT)}


@pytest.mark.parametrize(
    "limit",
    [
        {"kind": "a word of tomorrow", "scope": "account", "until": 2e9},
        {"kind": "quota", "scope": "galaxy", "until": 2e9},
        {"kind": "quota", "scope": "account", "until": 1000},
        {"kind": "client_error", "scope": "request"},
    ],
)
async def test_what_is_no_limit_that_stands_rests_nobody(limit):
    async with probed() as (pool, one, _):
        one.state["limit"] = limit
        await asked(one)

        assert (await pool.status(A)).state == "ready"


async def test_a_new_login_wakes_the_account_and_an_old_one_does_not():
    async with probed() as (pool, one, _):
        cooldown = Cooldown(time.time() + HOUR, Reason.AUTH)
        await pool.store.rest(A, ANY_MODEL, cooldown)
        await asked(one, 3)
        still = (await pool.status(A)).state
        one.state["login"] = {"ok": True, "expires_at": 2e9}
        await state_becomes(pool, "probation")

        assert still == "auth"


async def test_a_worker_that_comes_back_is_given_another_chance_but_not_before_its_reset():
    async with probed() as (pool, one, _):
        await pool.store.rest(A, ANY_MODEL, Cooldown(time.time() + HOUR, Reason.FAILING))
        await pool.store.rest(A, OPUS, Cooldown(time.time() + HOUR, Reason.QUOTA))
        one.status = 503
        await state_becomes(pool, "not_ready")
        one.status = 200
        back = await state_becomes(pool, "probation")

        assert {family for family, rest in back.cooldowns.items()} == {OPUS}


async def test_a_worker_that_restarts_faster_than_it_is_missed_is_given_another_chance_too():
    patient = ProbePolicy(interval=0.02, gap=0.005, misses=10**6)
    async with probed(patient) as (pool, one, _):
        await pool.store.rest(A, ANY_MODEL, Cooldown(time.time() + HOUR, Reason.FAILING))
        await asked(one, 3)
        still = (await pool.status(A)).state
        one.cut = True
        await asked(one)
        one.cut = False
        await state_becomes(pool, "probation")

        assert still == "failing"


async def test_a_worker_that_forgot_its_limit_by_restarting_is_not_woken():
    async with probed() as (pool, one, _):
        one.state["limit"] = {"kind": "quota", "scope": "account", "until": time.time() + HOUR}
        await state_becomes(pool, "quota")
        one.cut = True
        await state_becomes(pool, "not_ready")
        one.cut, one.state["limit"] = False, None
        await state_becomes(pool, "quota")

        assert pool.events.told == [("rested", A, "quota")]


async def test_a_limit_that_is_gone_after_a_single_miss_may_be_forgotten_too():
    patient = ProbePolicy(interval=0.02, gap=0.005, misses=10**6)
    async with probed(patient) as (pool, one, _):
        one.state["limit"] = {"kind": "quota", "scope": "account", "until": time.time() + HOUR}
        await state_becomes(pool, "quota")
        one.cut = True
        await asked(one, 2)
        one.cut, one.state["limit"] = False, None
        await asked(one, 2)

        assert pool.events.told == [("rested", A, "quota")]


async def test_a_hint_asks_at_once():
    async with probed(ProbePolicy(interval=0.02, gap=0.005)) as (pool, one, _):
        slow = ProbePolicy(interval=600, gap=0.001)
        async with (
            worker() as other,
            Prober(pool.pool, pool.store, [Account(B, other.url)], slow) as prober,
        ):
            await until(lambda: other.asked == 1)
            prober.hint(B)
            await until(lambda: other.asked == 2)
            prober.hint(A)
            await asked(one)

            assert other.asked == 2


async def test_hints_do_not_make_a_load_of_probing():
    async with worker() as one, rig("a") as pool:
        slow = ProbePolicy(interval=600, gap=0.2)
        async with Prober(pool.pool, pool.store, [account(one.url)], slow) as prober:
            began = time.monotonic()
            while one.asked < 3:
                prober.hint(A)
                await asyncio.sleep(0.001)

        assert time.monotonic() - began > 0.39


async def test_a_plain_messages_api_is_left_alone():
    async with worker() as one, worker() as plain, rig("a", "b") as pool:
        both = [account(plain.url, plain=True), Account(B, one.url)]
        async with Prober(pool.pool, pool.store, both, FAST):
            await asked(one, 5)

        assert plain.asked == 0
        assert (await pool.status(A)).state == "ready"


async def test_a_deaf_worker_holds_no_other_up():
    async with worker() as deaf, worker() as one, rig("a", "b") as pool:
        deaf.deaf = True
        both = [account(deaf.url), Account(B, one.url)]
        policy = replace(FAST, timeout=30)
        async with Prober(pool.pool, pool.store, both, policy):
            await asked(one, 10)

        assert deaf.asked == 1


async def test_after_a_reload_the_new_accounts_are_asked_and_the_old_are_not():
    async with worker() as old, worker() as new, rig("a", "b") as pool:
        async with Prober(pool.pool, pool.store, [account(old.url)], FAST) as prober:
            await asked(old)
            prober.replace([account(new.url)])
            await asked(new)
            before = old.asked
            await asked(new, 5)

            assert old.asked == before


async def test_whoever_waits_for_a_worker_goes_on_when_it_is_ready():
    async with worker() as one, rig("a") as pool:
        one.state = {**one.state, "ready": False, "reason": "starting"}
        async with Prober(pool.pool, pool.store, [account(one.url)], FAST) as prober:
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(prober.ready(A))
                await asked(one)
                assert not waiting.done()
                one.state = {**one.state, "ready": True, "reason": None}

import asyncio
import socket
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from proxy.admin import Admin, AdminServer
from proxy.config import Address
from proxy.core.account import ANY_MODEL, AccountName, ModelFamily, Window
from proxy.core.cooldown import Cooldown, Reason
from proxy.metrics import Metrics
from proxy.pool import AccountStatus

EVERY_ROUTE = ["/metrics", "/admin/api/accounts", "/admin/api/status"]


def account(name="a", state="ready", detail=None, cooldowns=(), windows=()):
    return AccountStatus(
        name=AccountName(name),
        state=state,
        detail=detail,
        in_flight=1,
        limit=6,
        streak=0,
        cooldowns=dict(cooldowns),
        windows=tuple(windows),
    )


class Operator:
    """Asks the admin port of a fleet, over a real connection."""

    def __init__(self, session, url):
        self._session, self._url = session, url

    async def get(self, path, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.get(self._url + path, headers=sent) as answer:
            self.headers = answer.headers
            text = await answer.text()
            kind = answer.content_type
            return answer.status, (await answer.json() if kind == "application/json" else text)


@asynccontextmanager
async def operator(*accounts, token=None, stage=None, notes=()):
    async def states():
        return accounts

    admin = Admin(
        states=states,
        stage=lambda: stage,
        notes=lambda: notes,
        metrics=Metrics("1.2.3"),
        version="1.2.3",
        token=token,
    )
    server = AdminServer(admin.app())
    await server.start(Address("127.0.0.1", 0))
    try:
        async with aiohttp.ClientSession() as session:
            yield Operator(session, f"http://127.0.0.1:{server.port}")
    finally:
        await server.stop()


async def test_it_lives():
    async with operator() as ask:
        assert await ask.get("/livez") == (200, {"live": True})


@pytest.mark.parametrize(
    ("accounts", "stage", "reasons"),
    [
        ([account()], None, []),
        ([account(state="not_ready"), account("b")], None, []),
        # Limits end by themselves and are answered honestly until then.
        ([account(state="quota")], None, []),
        ([account(state="not_ready"), account("b", "auth")], None, ["no account is in service"]),
        ([account()], "starting", ["starting"]),
        ([account()], "draining", ["draining"]),
    ],
)
async def test_it_is_ready_unless_there_is_a_reason(accounts, stage, reasons):
    async with operator(*accounts, stage=stage) as ask:
        status, body = await ask.get("/readyz")

    assert body == {"ready": not reasons, "reasons": reasons, "notes": []}
    assert status == (503 if reasons else 200)


async def test_what_is_amiss_is_noted_and_keeps_nobody_away():
    async with operator(account(), notes=["store away"]) as ask:
        status, body = await ask.get("/readyz")
        _, told = await ask.get("/admin/api/status")

    assert (status, body["ready"], body["notes"]) == (200, True, ["store away"])
    assert told["notes"] == ["store away"]


async def test_accounts_are_told_with_all_that_is_known():
    resting = account(
        state="quota",
        cooldowns={ANY_MODEL: Cooldown(2e9, Reason.QUOTA)},
        windows=[Window("five_hour", 1.0, 2e9, "rejected")],
    )
    opus = {ModelFamily("opus"): Cooldown(2e9, Reason.MODEL_LIMIT)}
    async with operator(resting, account("b", "not_ready", "starting", opus)) as ask:
        status, body = await ask.get("/admin/api/accounts")

    first, second = body["accounts"]
    (window,) = first.pop("windows")
    assert status == 200
    assert abs(body["now"] - time.time()) < 60
    assert first == {
        "name": "a",
        "state": "quota",
        "reason": "quota",
        "until": 2e9,
        "in_flight": 1,
        "limit": 6,
        "streak": 0,
        "cooldowns": {"*": {"until": 2e9, "reason": "quota"}},
    }
    assert (window["name"], window["utilization"], window["resets_at"]) == ("five_hour", 1.0, 2e9)
    assert (window["status"], window["family"]) == ("rejected", "*")
    assert (second["state"], second["reason"], second["until"]) == ("not_ready", "starting", None)
    assert second["cooldowns"] == {"opus": {"until": 2e9, "reason": "model_limit"}}


async def test_a_rest_that_is_over_is_not_told():
    over = {ANY_MODEL: Cooldown(1000.0, Reason.QUOTA)}
    async with operator(account(state="probation", cooldowns=over)) as ask:
        _, body = await ask.get("/admin/api/accounts")

    (view,) = body["accounts"]
    assert (view["state"], view["reason"], view["until"]) == ("probation", None, None)


async def test_the_status_counts_accounts_by_state():
    async with operator(account(), account("b"), account("c", "quota")) as ask:
        _, body = await ask.get("/admin/api/status")

    assert body["accounts"] == {"ready": 2, "quota": 1}
    assert (body["version"], body["ready"], body["reasons"]) == ("1.2.3", True, [])
    assert body["uptime"] >= 0


async def test_metrics_tell_of_the_accounts_as_they_are_now():
    async with operator(account(state="quota")) as ask:
        status, text = await ask.get("/metrics")

    assert status == 200
    assert ask.headers["content-type"].startswith("text/plain")
    assert 'headgate_account_state{account="a",state="quota"} 1.0' in text
    assert 'headgate_build_info{version="1.2.3"} 1.0' in text


@pytest.mark.parametrize("path", [*EVERY_ROUTE, "/admin/", "/nowhere", "/livez/", "//livez"])
async def test_with_a_token_nothing_is_told_without_it(path):
    async with operator(token="the-token") as ask:
        assert (await ask.get(path))[0] == 401
        assert (await ask.get(path, authorization="Bearer the-tokem"))[0] == 401
        assert (await ask.get(path, authorization="the-token"))[0] == 401
        assert ask.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", EVERY_ROUTE)
async def test_with_the_token_all_is_told_under_any_name(path):
    async with operator(token="the-token") as ask:
        found, _ = await ask.get(path, authorization="Bearer the-token", host="10.0.0.1:8081")

    assert found == 200


@pytest.mark.parametrize("path", EVERY_ROUTE)
async def test_without_a_token_a_foreign_name_leads_nowhere(path):
    async with operator() as ask:
        assert (await ask.get(path))[0] == 200
        assert (await ask.get(path, host="evil.test"))[0] == 403
        assert (await ask.get(path, host="localhost.evil.test:8081"))[0] == 403


async def test_probes_need_neither_token_nor_name():
    async with operator(account(), token="the-token") as ask:
        assert (await ask.get("/readyz", host="10.0.0.1"))[0] == 200
        assert (await ask.get("/livez", host="10.0.0.1"))[0] == 200


async def test_a_claim_to_be_local_is_no_proof(monkeypatch):
    monkeypatch.setattr("proxy.guard.is_loopback_peer", lambda peer: peer == "192.0.2.1")
    async with operator() as ask:
        sent = {"x_forwarded_for": "192.0.2.1", "forwarded": "for=192.0.2.1"}
        assert (await ask.get("/metrics", **sent))[0] == 403


async def test_answers_are_not_kept_by_caches():
    async with operator() as ask:
        await ask.get("/admin/api/status")

    assert ask.headers["cache-control"] == "no-store"


async def test_an_address_that_is_taken_leaves_nothing_behind():
    before = asyncio.all_tasks()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = AdminServer(web.Application())
        with pytest.raises(OSError, match="in use"):
            await server.start(Address("127.0.0.1", taken.getsockname()[1]))

    assert asyncio.all_tasks() == before
    assert server.port == 0

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from proxy.app import App
from proxy.config import load
from tests.proxy.hot_rig import hot, plain, workers
from tests.proxy.raw_worker import LAST, RawWorker, chunk, sse_head
from tests.redis_rig import redis_server

LIMITED = b"HTTP/1.1 402 Payment Required\r\ncontent-length: 2\r\n\r\n{}"


async def act(proxy, action, account="a", **options):
    return await proxy.operate("POST", f"/admin/api/accounts/{account}/{action}", **options)


async def state(proxy, account="a"):
    _, view = await proxy.operate("GET", "/admin/api/accounts")
    return next(one["state"] for one in view["accounts"] if one["name"] == account)


@pytest.fixture
async def pair(tmp_path):
    async with workers(2) as (a, b), hot(tmp_path, plain("a", a), plain("b", b)) as proxy:
        yield proxy


@pytest.mark.parametrize("action", ["drain", "disable"])
async def test_a_drained_account_loses_its_sessions_alone_until_it_is_enabled(pair, action):
    before = await pair.spread()
    status, told = await act(pair, action)
    drained = await pair.spread()
    shown = await state(pair)
    await act(pair, "enable")
    newcomers = set(await asyncio.gather(*(pair.ask(f"new{n}") for n in range(20))))

    assert (status, told["changed"], told["account"]) == (200, True, "a")
    assert set(before.values()) == newcomers == {"a", "b"}
    assert set(drained.values()) == {"b"}
    assert shown == "drained"


async def test_what_runs_on_a_drained_account_finishes(tmp_path):
    rest = asyncio.Event()
    start = chunk(b'event: content_block_start\ndata: {"type":"content_block_start"}\n\n')
    stop = chunk(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    async with RawWorker(sse_head(), start, rest, stop, LAST) as a:
        async with hot(tmp_path, plain("a", a)) as proxy, proxy.post(stream=True) as answer:
            await answer.content.readany()
            await act(proxy, "drain")
            rest.set()

            assert (await answer.read()).endswith(b'data: {"type":"message_stop"}\n\n')


async def test_what_is_so_already_changes_nothing(pair):
    answers = [await act(pair, action) for action in ("enable", "drain", "drain", "wake")]

    assert [told["changed"] for _, told in answers] == [False, True, False, False]
    assert await state(pair) == "drained"


async def test_waking_ends_a_rest_of_any_kind_but_no_drain(tmp_path):
    async with RawWorker(LIMITED) as a, workers(1) as (b,):
        async with hot(tmp_path, plain("a", a), plain("b", b)) as proxy:
            await proxy.spread(10)
            rests = await state(proxy)
            _, woken = await act(proxy, "wake")
            after = await state(proxy)

    assert (rests, woken["changed"], after) == ("billing", True, "probation")


async def test_a_drain_outlives_a_restart(tmp_path):
    config = {"state_file": str(tmp_path / "state")}
    async with workers(1) as (a,):
        async with hot(tmp_path, plain("a", a), **config) as proxy:
            await act(proxy, "drain")
        async with App(load(proxy.file)) as again:
            (status,) = await again.pool.states()

    assert status.state == "drained"


async def test_a_reload_says_what_came_of_it(pair):
    pair.write(expose_account=False)
    applied = await pair.operate("POST", "/admin/api/reload")
    pair.file.write_text("accounts: []")
    refused = await pair.operate("POST", "/admin/api/reload")

    assert (applied[0], applied[1]["result"]) == (200, "applied")
    assert (refused[0], refused[1]["result"]) == (422, "refused")
    assert refused[1]["problems"] == ["accounts: should name at least one"]


async def test_without_a_file_there_is_nothing_to_reload(pair, tmp_path):
    async with App(load(pair.file)) as app:
        url = f"http://127.0.0.1:{app.admin_port}/admin/api/reload"
        async with pair.http.post(url, json={}) as answer:
            assert answer.status == 409


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/admin/api/accounts/nobody/drain", 404),
        ("POST", "/admin/api/accounts/a/explode", 404),
        ("POST", "/admin/api/accounts/a", 404),
        ("GET", "/admin/api/accounts/a/drain", 405),
        ("DELETE", "/admin/api/accounts/a/drain", 405),
        ("GET", "/admin/api/reload", 405),
    ],
)
async def test_what_there_is_not_is_refused(pair, method, path, status):
    url = f"http://127.0.0.1:{pair.app.admin_port}{path}"
    async with pair.http.request(method, url, json={}) as answer:
        assert answer.status == status


async def test_each_action_leaves_a_line_that_says_who_did_what_and_holds_no_secret(tmp_path):
    token = tmp_path / "admin"
    token.write_text("operators-token-0123456789")
    admin = {"listen": "127.0.0.1:0", "token_file": "admin"}
    async with workers(1) as (a,), hot(tmp_path, plain("a", a), admin=admin) as proxy:
        with capture_logs() as logs:
            bearer = {"authorization": f"Bearer {token.read_text()}"}
            await act(proxy, "drain", headers=bearer)
            await proxy.operate("POST", "/admin/api/reload", headers=bearer)

    lines = [line for line in logs if line["event"] == "operator acted"]
    drained = {"action": "drain", "account": "a", "peer": "127.0.0.1", "new": True}
    assert lines[0].items() >= drained.items()
    assert lines[1].items() >= {"action": "reload", "result": "unchanged"}.items()
    assert "operators-token" not in json.dumps(logs, default=str)


async def test_a_new_admin_token_is_asked_for_after_the_reload(tmp_path):
    token = tmp_path / "admin"
    token.write_text("operators-token-0123456789")
    admin = {"listen": "127.0.0.1:0", "token_file": "admin"}
    async with workers(1) as (a,), hot(tmp_path, plain("a", a), admin=admin) as proxy:
        token.write_text("another-token-0123456789")
        await proxy.app.reloader.reload("test")
        old, new = (
            {"authorization": f"Bearer {word}-token-0123456789"}
            for word in ("operators", "another")
        )
        statuses = [(await act(proxy, "wake", headers=sent))[0] for sent in (old, new)]

    assert statuses == [401, 200]


class TestReplicas:
    @pytest.fixture
    async def replicas(self, tmp_path):
        """Two proxies on one Redis, and that."""
        folders = [tmp_path / name for name in ("one", "two")]
        for folder in folders:
            folder.mkdir()
        with redis_server() as server:
            store = {"url": server.url, "timeout": 0.25}
            async with workers(2) as (a, b), AsyncExitStack() as stack:
                accounts = [plain("a", a), plain("b", b)]
                proxies = [
                    await stack.enter_async_context(hot(folder, *accounts, store=store))
                    for folder in folders
                ]
                yield (*proxies, server)

    async def test_what_is_drained_on_one_is_drained_on_all_and_enabled_on_all(self, replicas):
        one, two, _ = replicas
        before = await two.spread(20)
        await act(one, "drain")
        drained = await two.spread(20)
        shown = await state(two)
        await act(two, "enable")
        again = await asyncio.gather(*(one.ask(f"new{n}") for n in range(20)))

        assert set(before.values()) == set(again) == {"a", "b"}
        assert set(drained.values()) == {"b"}
        assert shown == "drained"

    async def test_while_the_store_is_away_nobody_acts_for_one_replica_alone(self, replicas):
        one, _, server = replicas
        await asyncio.to_thread(server.kill)
        refused, told = await act(one, "drain")
        served = await one.spread(10)
        reloaded, _ = await one.operate("POST", "/admin/api/reload")

        assert (refused, reloaded) == (503, 200)
        assert "away" in told["error"]
        assert set(served.values()) == {"a", "b"}

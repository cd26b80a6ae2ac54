"""Redis fails in every way it can while requests run through a real proxy: none fails with it."""

import asyncio
import re
import socket
import time
from contextlib import asynccontextmanager, suppress

import pytest
import redis.exceptions

from tests.e2e.load import load
from tests.e2e.rig import team
from tests.proxy.pool_rig import until
from tests.proxy.raw_worker import RawWorker, whole
from tests.redis_rig import Wire, cluster, redis_server, sentinels

ANSWER = whole(b'{"type":"message","usage":{"output_tokens":1}}', b"content-type: application/json")
POOL = "{headgate}"

pytestmark = pytest.mark.filterwarnings(
    # The client library leaves a socket to the collector where its connecting is cut short.
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module")
def server():
    with redis_server("--busy-reply-threshold", "50") as server:
        yield server


@pytest.fixture
def clean(server):
    server.call("FLUSHALL")
    return server


@asynccontextmanager
async def proxy(folder, url, **store):
    """A proxy with three accounts, whose worker answers at once."""
    async with RawWorker(ANSWER) as worker:
        accounts = [
            {"name": name, "url": worker.url, "headers": {"x-api-key": "dummy-key"}}
            for name in ("ann", "bob", "cid")
        ]
        async with team(folder, accounts, None, store={"url": url, **store}) as fleet:
            yield fleet


async def outside(move, *args):
    """Something done to a server from outside, while the loop goes on."""
    return await asyncio.to_thread(move, *args)


async def away(fleet):
    await until(lambda: fleet.app.storage.away)


async def back(fleet):
    """Wait until the proxy shares its store again; how long that took (seconds)."""
    began = time.monotonic()
    await until(lambda: not fleet.app.storage.away)
    return time.monotonic() - began


async def operator_sees(fleet, path):
    async with fleet.http.get(f"http://127.0.0.1:{fleet.app.admin_port}{path}") as answer:
        return answer.status, await answer.text()


async def drain(fleet, account):
    """What an operator is told who wants an account drained."""
    url = f"http://127.0.0.1:{fleet.app.admin_port}/admin/api/accounts/{account}/drain"
    async with fleet.http.post(url, json={}) as answer:
        return answer.status


def stuck(server):
    """A script of somebody else's runs and runs."""
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(b"EVAL 'while true do end' 0\r\n")
        with pytest.raises(redis.exceptions.ResponseError, match="busy"):
            server.call("PING")


def unstuck(server):
    with suppress(redis.exceptions.ResponseError):
        server.call("SCRIPT", "KILL")


FAULTS = {
    "timeout": (lambda s: s.freeze(), lambda s: s.thaw()),
    "unreachable": (lambda s: s.kill(), lambda s: s.start()),
    "read_only": (
        lambda s: s.call("REPLICAOF", "127.0.0.1", "1"),
        lambda s: s.call("REPLICAOF", "NO", "ONE"),
    ),
    "memory": (
        lambda s: s.call("CONFIG", "SET", "maxmemory", "1"),
        lambda s: s.call("CONFIG", "SET", "maxmemory", "0"),
    ),
    "type": (
        lambda s: (s.call("FLUSHALL"), s.call("SET", f"{POOL}:gates", "nonsense")),
        lambda s: s.call("DEL", f"{POOL}:gates"),
    ),
    "refused": (
        lambda s: s.call("ACL", "SETUSER", "default", "-evalsha", "-eval"),
        lambda s: s.call("ACL", "SETUSER", "default", "+@all"),
    ),
    "busy": (stuck, unstuck),
}
"""What can befall a server and how it is mended, by the word that operators read."""


ALSO = {"read_only": "unreachable"}
"""A server may hang up, too, as it becomes somebody's replica."""


@pytest.mark.parametrize("kind", FAULTS)
async def test_whatever_befalls_redis_no_request_fails(tmp_path, clean, kind):
    breaks, mends = FAULTS[kind]
    async with proxy(tmp_path, clean.tcp) as fleet, load(fleet) as running:
        await running.more(200)
        await outside(breaks, clean)
        await away(fleet)
        await running.more(300)
        ready = await operator_sees(fleet, "/readyz")
        await outside(mends, clean)
        took = await back(fleet)
        await running.more(100)
        _, metrics = await operator_sees(fleet, "/metrics")

    assert not running.failed
    assert took < 5
    assert running.slowest() < 0.5
    assert (ready[0], "store away" in ready[1]) == (200, True)
    assert {kind, ALSO.get(kind, kind)} & {*re.findall(r'departures_total{kind="(\w+)"}', metrics)}
    assert "headgate_store_up 1.0" in metrics


@pytest.mark.parametrize("command", [["FLUSHALL"], ["SCRIPT", "FLUSH"]])
async def test_what_redis_forgets_is_told_again(tmp_path, clean, command):
    async with proxy(tmp_path, clean.tcp) as fleet, load(fleet) as running:
        for _ in range(3):
            await running.more(50)
            await outside(clean.call, *command)
        await running.more(50)
        here = not fleet.app.storage.away

    assert not running.failed
    assert here


async def test_a_proxy_starts_without_redis_and_finds_it_later(tmp_path, clean):
    clean.kill()
    async with proxy(tmp_path, clean.tcp) as fleet, load(fleet) as running:
        await running.more(100)
        alone = fleet.app.storage.away
        drained = await drain(fleet, "ann")
        await outside(clean.start)
        took = await back(fleet)
        await running.more(100)

    assert alone
    assert drained == 503
    assert not running.failed
    assert took < 5


async def test_a_redis_that_is_slow_by_half_a_second_is_left_alone(tmp_path, clean):
    async with Wire(clean) as wire, proxy(tmp_path, wire.url) as fleet, load(fleet) as running:
        await running.more(50)
        wire.delay = 0.25
        await away(fleet)
        await running.more(200)
        wire.delay = 0.0
        took = await back(fleet)
        await running.more(50)

    assert not running.failed
    assert took < 5


async def test_a_redis_whose_answers_are_lost_is_left_alone(tmp_path, clean):
    async with Wire(clean) as wire, proxy(tmp_path, wire.url) as fleet, load(fleet) as running:
        await running.more(50)
        wire.loses = True
        await away(fleet)
        await running.more(200)
        wire.loses = False
        await back(fleet)
        await running.more(50)
        states = await fleet.app.store.snapshot()

    assert not running.failed
    assert sum(state.in_flight for state in states.accounts.values()) <= 8


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "killed"])
async def test_sentinels_fail_over(tmp_path, ordered):
    with sentinels(1) as group:
        async with proxy(tmp_path, group.url) as fleet, load(fleet) as running:
            await running.more(100)
            old = group.master
            if ordered:
                await outside(group.fail_over)
            else:
                await outside(old.kill)
                await until(lambda: fleet.app.storage.away)
            await until(lambda: group.master is not old)
            took = await back(fleet)
            await running.more(100)

        assert not running.failed
        assert took < 5


async def test_a_cluster_fails_over(tmp_path):
    with cluster(replicas=True) as members:
        async with proxy(tmp_path, members.url) as fleet, load(fleet) as running:
            await running.more(100)
            await outside(members.fail_over, POOL)
            took = await back(fleet)
            await running.more(100)

        assert not running.failed
        assert took < 5

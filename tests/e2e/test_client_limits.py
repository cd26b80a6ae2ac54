"""Client limits and usage over two replicas on one Redis, seen from outside."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.e2e.rig import KEY, team
from tests.proxy.ledger.factories import becomes
from tests.proxy.limits_rig import ANSWER
from tests.proxy.raw_worker import RawWorker
from tests.redis_rig import redis_server


@pytest.fixture
def server():
    with redis_server() as server:
        yield server


@asynccontextmanager
async def replicas(folder, server, worker, limits):
    """Two proxies of one client with these limits."""
    account = {"name": "ann", "url": worker.url, "headers": {"x-api-key": "dummy-key"}}
    client = {"name": "alice", "key": KEY, "limits": limits}
    config = {"clients": [client], "store": {"url": server.url, "timeout": 2}}
    folders = [folder / "one", folder / "two"]
    for each in folders:
        each.mkdir()
    async with team(folders[0], [account], None, **config) as one:
        async with team(folders[1], [account], None, **config) as two:
            yield one, two


async def statuses(fleets, count):
    """What so many requests of one moment come to, spread over the replicas."""
    asked = [fleets[n % 2].ask("hi") for n in range(count)]
    return sorted(status for status, _ in await asyncio.gather(*asked))


async def requests_of(fleet):
    url = f"http://127.0.0.1:{fleet.app.admin_port}/admin/api/usage"
    async with fleet.http.get(url) as answer:
        return (await answer.json())["total"]["requests"]


async def test_a_client_has_its_limits_once_over_all_replicas(tmp_path, server):
    limits = {"requests_per_minute": 60, "burst": 6}
    async with RawWorker(ANSWER) as worker, replicas(tmp_path, server, worker, limits) as fleets:
        assert await statuses(fleets, 10) == [200] * 6 + [429] * 4
        for fleet in fleets:
            await becomes(lambda fleet=fleet: requests_of(fleet), 6)
    assert len(worker.requests) == 6


async def test_requests_go_on_and_are_limited_here_while_redis_is_away(tmp_path, server):
    limits = {"requests_per_minute": 60, "burst": 3}
    async with RawWorker(ANSWER) as worker, replicas(tmp_path, server, worker, limits) as fleets:
        await fleets[0].ask("hi")
        server.kill()
        alone = [(await fleets[0].ask("hi"))[0] for _ in range(4)]

    assert alone == [200, 200, 429, 429]

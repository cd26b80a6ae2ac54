"""Several proxies on one Redis, and a worker that counts for itself."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from tests.e2e.counting_worker import CountingWorker
from tests.e2e.rig import Serving, team
from tests.proxy.pool_rig import until
from tests.proxy.raw_worker import whole
from tests.redis_rig import redis_server


@pytest.fixture(scope="module")
def server():
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(server):
    server.call("FLUSHALL")
    return server


@asynccontextmanager
async def replicas(count, folder, redis, accounts, **config):
    """So many proxies of one configuration, in this loop."""
    async with AsyncExitStack() as stack:
        teams = []
        for number in range(count):
            home = folder / str(number)
            home.mkdir()
            config = {"store": redis.tcp, "queue": {"max_wait": 20}} | config
            teams.append(await stack.enter_async_context(team(home, accounts, None, **config)))
        yield teams


async def ask(fleet, session=None):
    """One question; the status."""
    headers = {} if session is None else {"x-session-id": session}
    async with fleet.post("hi", headers=headers) as answer:
        await answer.read()
        return answer.status


def limited(reset):
    """A provider's word that an account has used up its window."""
    told = {"status": "rejected", "representative-claim": "five_hour", "reset": str(int(reset))}
    headers = [f"anthropic-ratelimit-unified-{name}: {told[name]}".encode() for name in told]
    error = b'{"type":"error","error":{"type":"rate_limit_error","message":"limit"}}'
    json = b"content-type: application/json"
    return whole(error, *headers, json, status=b"429 Too Many Requests")


async def test_of_a_hundred_first_requests_on_two_replicas_one_binds_the_session(tmp_path, redis):
    async with CountingWorker(0.05) as worker:
        accounts = [worker.account(name, concurrency=100) for name in "abc"]
        async with replicas(2, tmp_path, redis, accounts) as fleets:
            statuses = await asyncio.gather(*(ask(fleets[n % 2], "one") for n in range(100)))

        assert statuses == [200] * 100
        assert len(worker.peak) == 1


async def test_two_hundred_new_sessions_at_once_flood_no_account(tmp_path, redis):
    async with CountingWorker() as worker:
        worker.free.clear()
        accounts = [worker.account(f"a{n}", concurrency=100) for n in range(10)]
        async with replicas(3, tmp_path, redis, accounts) as fleets:
            async with asyncio.TaskGroup() as group:
                for n in range(200):
                    group.create_task(ask(fleets[n % 3], f"session-{n}"))
                await until(lambda: worker.in_flight.total() == 200)
                worker.free.set()

        assert max(worker.peak.values()) <= 1.25 * 20 + 1


async def test_a_rest_that_one_replica_learns_of_is_known_to_the_others_within_a_second(
    tmp_path, redis
):
    async with CountingWorker() as worker:
        accounts = [worker.account(name) for name in "ab"]
        async with replicas(3, tmp_path, redis, accounts) as fleets:
            await ask(fleets[0])
            ((rested, _),) = worker.came
            worker.answers[rested] = limited(time.time() + 3600)
            await ask(fleets[0])
            told_at = time.monotonic()
            for fleet in fleets[1:]:
                while (await states(fleet))[rested] != "quota":
                    assert time.monotonic() < told_at + 1
            worker.came.clear()
            statuses = [await ask(fleet, f"s{n}") for n, fleet in enumerate(fleets * 5)]

        assert statuses == [200] * 15
        assert rested not in {account for account, _ in worker.came}


async def states(fleet):
    return {name: status.state for name, status in (await fleet.states()).items()}


async def test_a_freed_slot_is_handed_to_another_replica_without_delay(tmp_path, redis):
    async with CountingWorker() as worker:
        waits = []
        async with replicas(2, tmp_path, redis, [worker.account("a", concurrency=1)]) as fleets:
            for _ in range(40):
                worker.free.clear()
                async with asyncio.TaskGroup() as group:
                    group.create_task(ask(fleets[0]))
                    await until(lambda: worker.in_flight["a"] == 1)
                    group.create_task(ask(fleets[1]))
                    await until(lambda: fleets[1].app.pool.waiting == 1)
                    worker.came.clear()
                    freed_at = time.time()
                    worker.free.set()
                waits.append(worker.came[0][1] - freed_at)

        assert sorted(waits)[-2] < 0.15
        assert worker.peak["a"] == 1


@pytest.mark.parametrize("restarted", [False, True])
async def test_after_a_reset_one_canary_goes_for_the_whole_fleet(tmp_path, redis, restarted):
    async with CountingWorker() as worker:
        async with replicas(3, tmp_path, redis, [worker.account("a", concurrency=24)]) as fleets:
            reset = int(time.time()) + (6 if restarted else 3)
            worker.answers["a"] = limited(reset)
            worker.seconds = 0.15
            async with asyncio.TaskGroup() as group:
                waiting = [group.create_task(ask(fleets[0]))]
                await until(lambda: fleets[0].app.pool.waiting == 1)
                waiting += [group.create_task(ask(fleets[n % 3])) for n in range(23)]
                await until(lambda: sum(fleet.app.pool.waiting for fleet in fleets) == 24)
                worker.came.clear()
                if restarted:
                    await until(lambda: all(knows_a_rest(fleet) for fleet in fleets))
                    await asyncio.to_thread(redis.kill)
                    await until(lambda: all(fleet.app.storage.away for fleet in fleets))
                    await asyncio.to_thread(redis.start)
                    await until(lambda: not any(fleet.app.storage.away for fleet in fleets))

        first = worker.came[0][1]
        assert [task.result() for task in waiting] == [200] * 24
        assert reset - 0.15 <= first <= reset + 1.5
        assert sum(at < first + 0.12 for _, at in worker.came) <= 3


def knows_a_rest(fleet):
    return any(fleet.app.store._known.rests())


@asynccontextmanager
async def processes(count, folder, redis, accounts):
    """So many proxies as processes of their own."""
    config = {
        "accounts": accounts,
        "store": redis.tcp,
        "gate": {"lease_ttl": 3},
        "queue": {"max_wait": 20},
        "state_file": "state",
    }
    async with AsyncExitStack() as stack:
        servings = []
        for number in range(count):
            home = folder / str(number)
            home.mkdir()
            serving = Serving(home, accounts[0], **config)
            servings.append(serving)
        await asyncio.gather(*(stack.enter_async_context(one) for one in servings))
        yield servings


async def ask_for_ever(serving, alive, ended):
    """One question after the other; while its proxy is dead, a client waits."""
    while True:
        try:
            async with serving.post("hi") as answer:
                await answer.read()
                ended[answer.status] += 1
        except aiohttp.ClientError:
            ended["lost"] += 1
            await alive.wait()


async def test_no_account_ever_carries_more_than_its_limit_though_replicas_die_and_start(
    tmp_path, redis
):
    async with CountingWorker(0.05) as worker:
        accounts = [worker.account(name, concurrency=3) for name in "ab"]
        ended, alive = Counter(), asyncio.Event()
        async with processes(3, tmp_path, redis, accounts) as servings:
            async with asyncio.TaskGroup() as group:
                clients = [
                    group.create_task(ask_for_ever(one, alive, ended))
                    for one in servings
                    for _ in range(4)
                ]
                await until(lambda: ended[200] > 100, 20)
                killed = servings[0]
                killed.process.kill()
                await killed.process.wait()
                killed_at = time.monotonic()
                await until(lambda: ended["lost"])
                await until(lambda: worker.in_flight.total() == 6, 10)
                back_in = time.monotonic() - killed_at
                killed.process = await killed.start()
                async with asyncio.timeout(20):
                    while await killed.ready() is None:
                        assert killed.process.returncode is None
                alive.set()
                before = ended[200]
                await until(lambda: ended[200] > before + 100, 20)
                for client in clients:
                    client.cancel()

        assert max(worker.peak.values()) == 3
        assert set(ended) <= {200, "lost"}
        assert back_in < 3 + 2

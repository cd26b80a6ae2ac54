"""Workers on addresses and one port, behind a name that leads where the test wants it to."""

import asyncio
import socket
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from proxy.config import Address, Discovery
from proxy.core.account import Account
from proxy.core.membership import CONFIGURED
from proxy.discovery import Finder, resolve
from proxy.lineup import Lineup
from proxy.metrics import Metrics
from proxy.prober import ProbePolicy, Prober
from tests.proxy.hot_rig import becomes, hot, workers
from tests.proxy.pool_rig import A, B, rig, until

FAST = ProbePolicy(interval=0.02, gap=0.005, timeout=0.2)


@dataclass
class Worker:
    """One that says which account it serves; `served` counts what it answered."""

    account: str
    slots: int = 6
    ready: bool = True
    served: int = 0
    tokens: set = field(default_factory=set)

    async def state(self, request):
        self.tokens.add(request.headers.get("authorization"))
        slots = {"max": self.slots, "busy": 0}
        return web.json_response({"account": self.account, "ready": self.ready, "slots": slots})

    async def messages(self, _):
        self.served += 1
        return web.json_response({"type": "message", "usage": {}})


@dataclass
class Site:
    """The machines, 127.0.0.2 and on, on which workers are put and taken away."""

    port: int
    runners: dict = field(default_factory=dict)

    def address(self, host):
        return f"127.0.0.{host}:{self.port}"

    async def put(self, host, worker):
        app = web.Application()
        app.add_routes([web.get("/state", worker.state), web.post("/v1/messages", worker.messages)])
        runner = self.runners[host] = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, f"127.0.0.{host}", self.port).start()
        return worker

    async def take_away(self, host):
        await self.runners.pop(host).cleanup()


class Name:
    """A name in DNS. It leads where it is told to; `None` is a resolver that does not answer."""

    def __init__(self, *addresses):
        self.addresses = addresses
        self.asked = 0

    async def __call__(self, name):
        assert name == Address("workers.internal", 9100)
        self.asked += 1
        if self.addresses is None:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return set(self.addresses)

    async def looked_up(self, times=2):
        """Wait until a look that began after this moment has been taken in."""
        enough = self.asked + times
        await until(lambda: self.asked >= enough)


@dataclass
class Found:
    """A pool that discovery feeds."""

    rig: object
    lineup: Lineup
    finder: Finder
    metrics: Metrics

    async def accounts(self):
        return {status.name for status in await self.rig.pool.states()}

    def address(self, name):
        return self.lineup.ways[name].origin.host

    async def become(self, *names):
        async def so():
            await asyncio.sleep(0.001)
            return await self.accounts() == set(names)

        await becomes(so)


@pytest.fixture
async def site():
    with socket.create_server(("127.0.0.2", 0)) as probe:
        port = probe.getsockname()[1]
    site = Site(port)
    yield site
    for host in list(site.runners):
        await site.take_away(host)


@asynccontextmanager
async def found(name, *configured, **options):
    settings = Discovery(
        Address("workers.internal", 9100), {"authorization": "Bearer t"}, 0.01, **options
    )
    async with rig() as pool, AsyncExitStack() as stack:
        prober = await stack.enter_async_context(Prober(pool.pool, pool.store, (), FAST))
        lineup, metrics = Lineup(pool.pool, prober), Metrics("1")
        lineup.configure(configured)
        finder = Finder(lambda: lineup.configured, lineup.discover, metrics, name)
        await stack.enter_async_context(finder)
        finder.replace(settings)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        stack.callback(group.create_task(finder.run()).cancel)
        yield Found(pool, lineup, finder, metrics)


async def test_workers_appear_and_vanish_with_their_addresses(site):
    a, _ = await site.put(2, Worker("a")), await site.put(3, Worker("b"))
    name = Name(site.address(2))
    async with found(name) as team:
        await team.become("a")
        name.addresses = (site.address(2), site.address(3))
        await team.become("a", "b")
        name.addresses = (site.address(3),)
        await team.become("b")

    assert a.tokens == {"Bearer t"}


async def test_an_account_that_moves_to_another_address_stays_the_same_account(site):
    await site.put(2, Worker("a"))
    await site.put(4, Worker("b"))
    name = Name(site.address(2), site.address(4))
    async with found(name) as team:
        await team.become("a", "b")
        before = {f"s{n}": await team.rig.serve(f"s{n}") for n in range(20)}
        await site.put(3, Worker("a"))
        name.addresses = (site.address(3), site.address(4))
        await until(lambda: team.address(A) == "127.0.0.3")
        after = {f"s{n}": await team.rig.serve(f"s{n}") for n in range(20)}

    assert after == before
    assert set(before.values()) == {A, B}


async def test_an_address_that_another_worker_takes_over_serves_that_ones_account(site):
    await site.put(2, Worker("a"))
    async with found(Name(site.address(2))) as team:
        await team.become("a")
        await site.take_away(2)
        await site.put(2, Worker("b"))
        await team.become("b")


async def test_of_two_that_name_one_account_the_first_stays_and_the_other_is_shown(site):
    await site.put(3, Worker("a"))
    name = Name(site.address(3))
    with capture_logs() as logs:
        async with found(name) as team:
            await team.become("a")
            await site.put(2, Worker("a"))
            name.addresses = (site.address(2), site.address(3))
            await until(lambda: team.finder.duplicates)
            await name.looked_up(5)
            (duplicate,) = team.finder.duplicates
            holder = team.address(A)
            text = team.metrics.render([]).decode()

    assert (duplicate.account, duplicate.address) == (A, site.address(2))
    assert duplicate.holder == site.address(3)
    assert holder == "127.0.0.3"
    assert "headgate_discovery_duplicates 1.0" in text
    assert [line["event"] for line in logs].count("duplicate worker refused") == 1


async def test_a_configured_account_wins_over_a_discovered_one_of_its_name(site):
    await site.put(2, Worker("a"))
    own = Account(A, f"http://{site.address(3)}", plain=True)
    async with found(Name(site.address(2)), own) as team:
        await until(lambda: team.finder.duplicates)

        assert team.address(A) == "127.0.0.3"
        assert team.finder.duplicates[0].holder == CONFIGURED


async def test_a_name_that_is_not_resolved_leaves_the_workers_where_they_are(site):
    await site.put(2, Worker("a"))
    name = Name(site.address(2))
    with capture_logs() as logs:
        async with found(name) as team:
            await team.become("a")
            name.addresses = None
            await name.looked_up(10)

            assert await team.accounts() == {A}
            assert await team.rig.serve() == A
            text = team.metrics.render([]).decode()
    failures = next(
        line for line in text.splitlines() if line.startswith("headgate_discovery_failures_total ")
    )
    assert float(failures.split()[1]) >= 9
    assert [line["event"] for line in logs].count("name not resolved") == 1


async def test_a_worker_that_is_missing_from_one_list_is_kept(site):
    await site.put(2, Worker("a"))
    await site.put(3, Worker("b"))
    both = (site.address(2), site.address(3))

    class Flapping(Name):
        """Every other answer lacks one address."""

        async def __call__(self, name):
            found = await super().__call__(name)
            return found if self.asked % 2 else found - {site.address(3)}

    name = Flapping(*both)
    async with found(name) as team:
        await team.become("a", "b")
        seen = Counter()
        for _ in range(20):
            await name.looked_up(1)
            seen[frozenset(await team.accounts())] += 1

    assert set(seen) == {frozenset({"a", "b"})}


async def test_what_is_no_worker_or_has_no_name_of_its_own_serves_nobody(site):
    await site.put(2, Worker("a"))
    await site.put(3, Worker(""))
    await site.put(4, Worker('a"} 1\nevil'))
    name = Name(*(site.address(host) for host in range(2, 7)))
    async with found(name) as team:
        await name.looked_up(4)

        assert await team.accounts() == {A}


@pytest.mark.parametrize(("bound", "expected"), [(None, 3), (2, 2), (9, 3)])
async def test_a_worker_carries_as_many_as_it_has_slots_for(site, bound, expected):
    await site.put(2, Worker("a", slots=3))
    async with found(Name(site.address(2)), concurrency=bound) as team:
        await team.become("a")
        await team.rig.serve()

        assert (await team.rig.status(A)).limit == expected


async def test_without_discovery_nobody_is_found_any_more(site):
    await site.put(2, Worker("a"))
    async with found(Name(site.address(2))) as team:
        await team.become("a")
        team.finder.replace(None)
        await team.become()


async def test_the_system_resolves_names():
    addresses = await resolve(Address("localhost", 9100))

    assert "127.0.0.1:9100" in addresses or "[::1]:9100" in addresses
    assert all(address.endswith(":9100") for address in addresses)


async def test_a_whole_proxy_serves_by_discovery_and_a_reload_ends_it(tmp_path):
    worker = Worker("ann")
    site = Site(0)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        site.port = probe.getsockname()[1]
    await site.put(1, worker)
    discovery = {"dns": f"127.0.0.1:{site.port}", "token": "workers-token-0123456789"}
    async with workers(1) as (own,), hot(tmp_path, discovery=discovery) as proxy:

        async def served():
            return await proxy.ask() == "ann"

        await becomes(served)
        _, view = await proxy.operate("GET", "/admin/api/accounts")
        plain = {"name": "own", "url": own.url, "headers": {"x-api-key": "k"}}
        del proxy.config["discovery"]
        await proxy.take(accounts=[plain])

        async def ended():
            return await proxy.ask() == "own"

        await becomes(ended)
    await site.take_away(1)

    assert [one["name"] for one in view["accounts"]] == ["ann"]
    assert view["duplicates"] == []
    assert worker.tokens == {"Bearer workers-token-0123456789"}

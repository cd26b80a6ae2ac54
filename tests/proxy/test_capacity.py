import asyncio

from proxy.capacity import CapacityDesk
from proxy.core.account import ANY_MODEL, AccountName
from proxy.core.cooldown import Cooldown, Reason
from proxy.ledger import MemoryLedger
from proxy.store.memory import MemoryStore
from tests.proxy.limits_rig import ANSWER, limited
from tests.proxy.pool_rig import rig, until

ANN = AccountName("ann")
PACED = {"requests_per_minute": 60, "concurrency": 9}


async def capacity(fleet):
    """What a client is told, of a fleet that is looked at anew."""
    fleet.app.gateway.capacity = CapacityDesk(fleet.app.pool, fleet.app.storage.ledger)
    async with fleet.http.get(f"{fleet.url}/v1/capacity") as answer:
        assert answer.status == 200
        return await answer.json()


async def opus(fleet):
    return (await capacity(fleet))["models"]["opus"]


async def asks(fleet, tasks, count):
    """So many requests, of which two are being served and the others wait."""

    async def ask():
        async with fleet.post("hi") as answer:
            await answer.read()

    running = [tasks.create_task(ask()) for _ in range(count)]
    await until(lambda: fleet.app.pool.waiting == count - 2)
    return running


async def test_the_light_follows_the_fleet(tmp_path):
    release = asyncio.Event()
    async with limited(tmp_path, release, ANSWER) as fleet, asyncio.TaskGroup() as tasks:
        free = await opus(fleet)
        await asks(fleet, tasks, 3)
        busy = await opus(fleet)
        now = fleet.app.pool.now()
        await fleet.app.store.rest(ANN, ANY_MODEL, Cooldown(now + 50, Reason.QUOTA))
        resting = await opus(fleet)
        await fleet.app.store.wake(ANN, ANY_MODEL)
        release.set()

    assert (free["state"], free["wait"]) == ("green", {"interactive": 0, "batch": 0})
    assert (busy["state"], busy["free"], busy["in_flight"]) == ("yellow", 0, 2)
    assert busy["wait"] == {"interactive": None, "batch": None}
    assert (resting["state"], resting["resets_at"]) == ("red", now + 50)
    assert 45 < resting["wait"]["batch"] <= 50


async def test_the_line_is_told_by_family(tmp_path):
    release = asyncio.Event()
    async with limited(tmp_path, release, ANSWER) as fleet, asyncio.TaskGroup() as tasks:
        await asks(fleet, tasks, 4)
        models = (await capacity(fleet))["models"]
        release.set()

    assert {family: room["waiting"] for family, room in models.items()} == {
        "opus": 0,
        "sonnet": 2,
        "haiku": 0,
        "fable": 0,
        "other": 0,
    }


async def test_a_client_sees_its_own_limits_and_asking_uses_none(tmp_path):
    async with limited(tmp_path, limits=PACED) as fleet:
        await fleet.ask("hi")
        told = [await capacity(fleet) for _ in range(3)]

    assert [[each["left"] for each in one["limits"]] for one in told] == [[9, 9]] * 3
    assert (told[0]["client"], told[0]["priority"]) == ("alice", "interactive")


async def test_nobody_is_told_without_a_key(tmp_path):
    async with limited(tmp_path) as fleet:
        async with fleet.http.get(
            f"{fleet.url}/v1/capacity", headers={"x-api-key": "nobodys"}
        ) as answer:
            assert answer.status == 401


class Counting(MemoryStore):
    """A store that counts how often it is looked at."""

    looks = 0

    async def snapshot(self):
        self.looks += 1
        return await super().snapshot()


async def test_the_fleet_is_looked_at_once_however_many_ask():
    async with rig("a", store=(store := Counting())) as pool:
        desk = CapacityDesk(pool.pool, MemoryLedger())
        await asyncio.gather(*(desk._fleet() for _ in range(100)))

        assert store.looks == 1

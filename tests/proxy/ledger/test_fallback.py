import pytest

from proxy.core.instants import DAY
from proxy.core.quota import Admitted, ClientLimits, Refused
from proxy.core.usage import Spending, Usage
from proxy.ledger import FallbackLedger, MemoryLedger
from proxy.store.away import StoreAwayError
from tests.proxy.ledger.factories import becomes, redis_ledger
from tests.proxy.store.factories import START, Clock, on_redis
from tests.redis_rig import redis_server

TODAY = int(START // DAY)
NARROW = ClientLimits(concurrency=2, tokens_per_day=100)


@pytest.fixture
def server():
    with redis_server() as server:
        yield server


@pytest.fixture
async def ledger(server):
    clock = Clock()
    async with on_redis(1, clock, server=server, seconds=0.5) as (store,):
        async with redis_ledger(store, clock, 0.02) as shared:
            yield FallbackLedger(shared, MemoryLedger(clock, 1), lambda: server.process is None)


async def left(ledger):
    return [each.left for each in await ledger.standing("alice", NARROW)]


async def spent(ledger):
    """The tokens that the shared ledger knows of, None where it is away."""
    try:
        return sum(entry.usage.total for entry in await ledger.usage(TODAY, TODAY))
    except StoreAwayError:
        return None


async def test_requests_go_on_and_are_counted_here_while_the_shared_ledger_is_away(ledger, server):
    await ledger.admit("before", "alice", NARROW)
    server.kill()

    assert isinstance(await ledger.admit("alone", "alice", NARROW), Admitted)
    assert isinstance(await ledger.admit("over", "alice", NARROW), Refused)
    ledger.release("before", "alice")
    assert isinstance(await ledger.admit("next", "alice", NARROW), Admitted)
    assert await left(ledger) == [0, 100]
    with pytest.raises(StoreAwayError):
        await ledger.usage(TODAY, TODAY)


async def test_it_goes_on_alone_at_once_where_nobody_has_noticed_yet(server):
    clock = Clock()
    async with on_redis(1, clock, server=server, seconds=0.5) as (store,):
        async with redis_ledger(store, clock) as shared:
            ledger = FallbackLedger(shared, MemoryLedger(clock, 1), lambda: False)
            server.kill()

            assert isinstance(await ledger.admit("r", "alice", NARROW), Admitted)
            assert await left(ledger) == [1, 100]


async def test_what_runs_and_what_was_spent_is_known_once_it_is_back(ledger, server):
    ledger.spend(Spending("alice", "a", "opus", Usage(10)))
    server.kill()
    await ledger.admit("alone", "alice", NARROW)
    ledger.spend(Spending("alice", "a", "opus", Usage(30)))
    server.start()

    await becomes(lambda: spent(ledger), 40)
    await becomes(lambda: left(ledger), [1, 60])

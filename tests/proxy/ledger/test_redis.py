import asyncio
from contextlib import suppress

import pytest

from proxy.core.instants import DAY
from proxy.core.quota import Admitted, ClientLimits
from proxy.core.usage import Spending, Usage
from proxy.store.away import StoreAwayError
from tests.proxy.ledger.factories import becomes, redis_ledger, replicas
from tests.proxy.store.factories import POLICY, START, Clock, on_redis, redis
from tests.redis_rig import Wire

TODAY = int(START // DAY)
NARROW = ClientLimits(concurrency=5)
PACED = ClientLimits(requests_per_minute=60, burst=20)
TEN = Spending("alice", "a", "opus", Usage(10))


@pytest.fixture
def clock():
    return Clock()


async def tokens(ledger):
    return sum(entry.usage.total for entry in await ledger.usage(TODAY, TODAY))


async def left(ledger, limits=NARROW):
    """What is left of a client's only limit."""
    (allowance,) = await ledger.standing("alice", limits)
    return allowance.left


async def test_replicas_share_a_clients_limits(clock):
    async with replicas(3, clock) as ledgers:
        for limits, most in ((NARROW, 5), (PACED, 20)):
            client = f"of {most}"
            found = await asyncio.gather(
                *(ledgers[n % 3].admit(f"{client}{n}", client, limits) for n in range(60))
            )

            assert sum(isinstance(one, Admitted) for one in found) == most


async def test_what_a_dead_replica_held_comes_back_and_what_is_renewed_does_not(clock):
    async with replicas(2, clock) as (dead, alive):
        await dead.admit("gone", "alice", NARROW)
        await alive.admit("runs", "alice", NARROW)
        clock.advance(POLICY.lease_ttl - 1)
        await alive._operations.ask("renew_requests", [("runs", "alice")])
        clock.advance(2)

        assert await left(alive) == 4


async def test_requests_that_run_are_renewed_also_after_redis_forgot_them(clock):
    async with on_redis(1, clock) as (store,), redis_ledger(store, clock, 0.01) as ledger:
        await ledger.admit("runs", "alice", NARROW)
        redis().call("FLUSHALL")
        await becomes(lambda: left(ledger), 4)
        ledger.release("runs", "alice")

        assert await left(ledger) == 5


async def test_tokens_spent_anywhere_count_everywhere(clock):
    async with replicas(3, clock) as ledgers:
        for _ in range(50):
            for ledger in ledgers:
                ledger.spend(TEN)
        await becomes(lambda: tokens(ledgers[0]), 1500)

        assert await left(ledgers[1], ClientLimits(tokens_per_day=2000)) == 500


async def test_what_is_spent_just_before_the_end_is_not_lost(clock):
    async with on_redis(1, clock) as (store,):
        async with redis_ledger(store, clock) as ledger:
            ledger.spend(TEN)
        assert await tokens(redis_ledger(store, clock)) == 10


async def test_replies_that_are_lost_count_nothing_twice(clock):
    """The script ran and nobody heard of it: it is sent again, with the same number."""
    async with Wire(redis()) as wire:
        server = _Behind(wire)
        async with on_redis(1, clock, server=server, seconds=0.1) as (store,):
            async with redis_ledger(store, clock) as ledger:
                for _ in range(5):
                    wire.loses = True
                    ledger.spend(TEN)
                    with suppress(StoreAwayError):
                        await ledger.admit("same", "alice", NARROW)
                    wire.loses = False
                await becomes(lambda: _as_far_as_known(ledger), 50)

                assert await left(ledger) == 5


async def _as_far_as_known(ledger):
    try:
        return await tokens(ledger)
    except StoreAwayError:
        return None


class _Behind:
    """A server, as it is reached by a wire."""

    def __init__(self, wire):
        self.url = wire.url


async def test_days_beyond_what_is_kept_run_out(clock):
    async with replicas(1, clock) as (ledger,):
        ledger.spend(TEN)
        await becomes(lambda: tokens(ledger), 10)
        (name,) = redis().call("KEYS", "*:usage:*")

        assert 3 * DAY < redis().call("TTL", name) <= 4 * DAY

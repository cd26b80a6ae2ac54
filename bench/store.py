"""CPU time that Redis spends on a request, by how many share a round trip: `python -m bench.store`.

Every request is a claim of a bound session and its settling. A redis-server of our own is asked for
its CPU time before and after; the cheapest of several rounds counts.
"""

import asyncio
import itertools
import time

import uvloop
from redis.asyncio import Redis

from proxy.core.account import AccountName, ModelFamily
from proxy.store.base import Candidate, Pressure, Reach, Settlement, Slot, StorePolicy, Wish
from proxy.store.redis import RedisPolicy, RedisStore
from tests.redis_rig import redis_server

ACCOUNTS = [Candidate(AccountName(f"account-{number}"), 1000) for number in range(10)]
FAMILY = ModelFamily("sonnet")
SERVED = Settlement(proven=True, pressure=Pressure.CLEAN)
REQUESTS = 4_096
ROUNDS = 5

_ids = itertools.count()


async def request(store: RedisStore, session: str) -> None:
    """Claim where the session is bound, as the pool does, and settle."""
    own = store.guess(session, FAMILY)
    among = [one for one in ACCOUNTS if one.name == own] or ACCOUNTS
    reach = Reach.OWN if own else Reach.SPILL
    slot = await store.claim(Wish(f"id-{next(_ids)}", session, FAMILY, among, reach))
    if not isinstance(slot, Slot):
        raise TypeError("a claim was refused")
    store.settle(slot, SERVED)


async def used(client: Redis) -> float:
    """Seconds of CPU that the server has used."""
    told = await client.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


async def measure(client: Redis, store: RedisStore, at_once: int) -> tuple[float, float]:
    """Microseconds of CPU a request, of Redis and of this process."""
    sessions = [f"session-{number}" for number in range(at_once)]
    best = float("inf"), float("inf")
    for _ in range(ROUNDS):
        before, own_before = await used(client), time.process_time()
        for _ in range(REQUESTS // at_once):
            await asyncio.gather(*(request(store, session) for session in sessions))
        await store.snapshot()
        spent, own = await used(client) - before, time.process_time() - own_before
        best = min(best, (spent / REQUESTS * 1e6, own / REQUESTS * 1e6))
    return best


async def main() -> None:
    """Measure and print a table."""
    print(f"{'at once':>8}{'Redis':>12}{'replica':>12}   CPU a claim and its settling")
    with redis_server() as server:
        async with (
            Redis.from_url(server.url) as client,
            RedisStore(client, StorePolicy(), RedisPolicy(timeout=5)) as store,
        ):
            for at_once in (1, 8, 64):
                redis, own = await measure(client, store, at_once)
                print(f"{at_once:8}{redis:9.1f} us{own:9.1f} us")


if __name__ == "__main__":
    uvloop.run(main())

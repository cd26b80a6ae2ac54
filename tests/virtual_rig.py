"""A fleet in virtual time: real pools on one ideal store, accounts whose limits nobody tells of."""

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from bench import virtual
from bench.policy.replica import Desk, FailedError, IdealStore, Silent
from bench.policy.world import Answer, Login, Plan, Quota, Turn
from proxy.core.account import Account, AccountName, ModelFamily
from proxy.errors import ProxyError
from proxy.pool import AccountPool, Call, PoolPolicy

SONNET = ModelFamily("sonnet")
PLENTY = 1e12
UNMEASURED = {"burst": 10_000, "refill": 10_000}
TURN = Turn("none", 0, 100, 600)
"""Takes eleven seconds, the first of them without an answer."""


def login(at_once=99, *, used=0.0, resets_in=18_000.0, **plan):
    """An account that bears so many at once, with so much of its five hours used."""
    now = virtual.wall()
    quota = Quota("5h", 18_000, PLENTY, used * PLENTY, now + resets_in)
    return Login(Plan(1, at_once, **UNMEASURED | plan), (quota,), 10_000, refilled_at=now)


@dataclass
class Upstream:
    """Accounts, and what goes wrong on the way there: shares of 529s and of failed connections."""

    logins: dict[AccountName, Login]
    full: float = 0.0
    broken: float = 0.0
    arrivals: list[tuple[float, AccountName]] = field(default_factory=list)
    luck: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311

    async def ask(self, account, turn, answering):
        self.arrivals.append((virtual.wall(), account))
        luck = self.luck.random()
        if luck < self.broken:
            return None
        if luck < self.broken + self.full:
            return Answer(529, {})
        one = self.logins[account]
        return one.refusal(virtual.wall()) or await one.serve(turn, answering)


@dataclass
class Fleet:
    """Replicas, their store and their upstream."""

    desks: list[Desk]
    store: IdealStore
    upstream: Upstream

    def limit(self, name="a"):
        return self.store.gates[AccountName(name)].limit

    async def ask(self, session=None, turn=TURN, desk=0, **call):
        """One request; the account that served it, its answer, and when it began."""
        return await self.desks[desk].serve(Call("r", "team", session, SONNET, **call), turn)

    async def keep_asking(self, desk=0):
        """A client without end, and whom no failure discourages."""
        while True:
            try:
                await self.ask(desk=desk)
            except (FailedError, ProxyError):
                await asyncio.sleep(1)

    async def crowd(self, tasks, count, seconds):
        """So many clients at once, on all replicas, for so long."""
        running = [
            tasks.create_task(self.keep_asking(number % len(self.desks))) for number in range(count)
        ]
        await asyncio.sleep(seconds)
        for one in running:
            one.cancel()


@asynccontextmanager
async def fleet(logins, *, concurrency=20, replicas=1, full=0.0, broken=0.0, **policy):
    """A fleet of these accounts, by name; the operator believes in this concurrency."""
    named = {AccountName(name): one for name, one in logins.items()}
    accounts = [Account(name, "http://127.0.0.1", concurrency) for name in named]
    store, upstream = IdealStore(), Upstream(named, full, broken)
    async with AsyncExitStack() as stack:
        pools = [
            await stack.enter_async_context(
                AccountPool(store, accounts, PoolPolicy(**policy), Silent())
            )
            for _ in range(replicas)
        ]
        yield Fleet([Desk(pool, upstream) for pool in pools], store, upstream)


async def every_second(look, seconds):
    """What is seen, second by second."""
    seen = []
    for _ in range(int(seconds)):
        await asyncio.sleep(1)
        seen.append(look())
    return seen

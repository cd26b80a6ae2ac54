"""A pool on a memory store, and short words for what its tests say often."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from proxy.core.account import Account, AccountName, ModelFamily
from proxy.core.verdict import Kind, Scope, Verdict
from proxy.pool import AccountPool, Call, PoolPolicy
from proxy.store.memory import MemoryStore

OPUS, HAIKU = ModelFamily("opus"), ModelFamily("haiku")
OK = Verdict(Kind.OK)
A, B, C = AccountName("a"), AccountName("b"), AccountName("c")


def quota(until):
    return Verdict(Kind.QUOTA, Scope.ACCOUNT, until=until)


@dataclass
class Events:
    """Writes down what the pool tells."""

    told: list[tuple] = field(default_factory=list)

    def session_placed(self, placing):
        self.told.append(("placed", str(placing)))

    def account_rested(self, account, reason):
        self.told.append(("rested", account, str(reason)))

    def account_woken(self, account):
        self.told.append(("woken", account))

    def queue_left(self, priority, end, seconds):
        assert seconds >= 0
        self.told.append(("left", priority, end))


@dataclass
class Rig:
    """A pool in service, its store, and what it told."""

    pool: AccountPool
    store: MemoryStore
    events: Events

    async def serve(self, session=None, verdict=OK, skip=(), **call):
        """One request from end to end; the account it got."""
        async with self.pool.lease(a_call(session, **call), skip) as lease:
            lease.verdict = verdict
        return lease.account.name

    async def status(self, account):
        return next(one for one in await self.pool.states() if one.name == account)


def a_call(session=None, *, client="alice", family=OPUS, **options):
    return Call("r", client, session, family, **options)


def accounts(*names, concurrency=6):
    return [Account(AccountName(n), "http://127.0.0.1:1", concurrency) for n in names]


@asynccontextmanager
async def rig(*names, concurrency=6, store=None, **policy):
    store, events = store or MemoryStore(), Events()
    pool = AccountPool(
        store, accounts(*names, concurrency=concurrency), PoolPolicy(**policy), events
    )
    async with pool:
        yield Rig(pool, store, events)


async def until(true, seconds=10):
    """Turns of the loop until something is so, or the deadline."""
    async with asyncio.timeout(seconds):
        async for _ in ticks():
            if true():
                return


async def ticks():
    while True:
        yield await asyncio.sleep(0.001)


class Holder:
    """A request that holds its lease until it is told to end."""

    def __init__(self, rig, tasks, session=None, verdict=OK, **call):
        self.lease = None
        self.verdict = verdict
        self._ended = asyncio.Event()
        self.task = tasks.create_task(self._hold(rig, a_call(session, **call)))

    async def _hold(self, rig, call):
        async with rig.pool.lease(call) as self.lease:
            await self._ended.wait()
            self.lease.verdict = self.verdict

    async def held(self):
        """Wait until it holds an account, and name that."""
        await until(lambda: self.lease is not None)
        return self.lease.account.name

    def end(self):
        self._ended.set()

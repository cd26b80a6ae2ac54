"""The store that the settings name: memory and its file, or Redis with a fallback."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

from redis.asyncio import Redis, RedisCluster

from proxy import wiring
from proxy.config import Settings
from proxy.ledger import FallbackLedger, Ledger, MemoryLedger, RedisLedger
from proxy.store.away import FAILURES
from proxy.store.base import Store
from proxy.store.connect import connect
from proxy.store.fallback import FallbackEvents, FallbackPolicy, FallbackStore
from proxy.store.memory import MemoryStore
from proxy.store.redis import RedisStore
from proxy.store.state_file import StateFile


@dataclass(frozen=True, slots=True)
class Storage:
    """What is made of the settings. `open` is entered for as long as the store is used.

    `store` is what requests use: it is never away. `firm` is what operators use: rather than act
    on this replica alone, it raises StoreAwayError.
    """

    store: Store
    firm: Store
    ledger: Ledger
    open: AbstractAsyncContextManager[None]

    @property
    def away(self) -> bool:
        """Whether this replica is on its own although it should share."""
        return isinstance(self.store, FallbackStore) and self.store.away


def storage(settings: Settings, events: FallbackEvents) -> Storage:
    """Make the store; nothing is connected to before it is opened."""
    days = settings.usage.days
    if settings.store is None:
        memory, book = MemoryStore(wiring.store_policy(settings)), MemoryLedger(days=days)
        return Storage(memory, memory, book, _kept(memory, book, settings))
    policy = wiring.store_policy(settings)
    client = connect(settings.store.link)
    shared = RedisStore(client, policy, wiring.redis_policy(settings.store))
    fallback = FallbackPolicy(settings.store.replicas)
    store = FallbackStore(shared, policy, fallback, events)
    books = RedisLedger(shared.operations, store.now, days, wiring.renew_every(settings))
    alone = MemoryLedger(store.now, days=1)
    ledger = FallbackLedger(books, alone, lambda: store.away)
    return Storage(store, shared, ledger, _reached(client, shared, store, books))


@asynccontextmanager
async def _kept(
    memory: MemoryStore, ledger: MemoryLedger, settings: Settings
) -> AsyncIterator[None]:
    """Keep what a memory knows over a restart, if that is wanted."""
    if settings.state_file is None:
        yield
        return
    async with StateFile(settings.state_file, memory, ledger):
        yield


@asynccontextmanager
async def _reached(
    client: Redis | RedisCluster, shared: RedisStore, store: FallbackStore, ledger: RedisLedger
) -> AsyncIterator[None]:
    try:
        async with shared, store, ledger:
            yield
    finally:
        with suppress(*FAILURES):
            await client.aclose()

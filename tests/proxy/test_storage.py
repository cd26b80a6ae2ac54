from dataclasses import dataclass

import pytest

from proxy.config import Settings, SharedStore
from proxy.core.account import ANY_MODEL, AccountName
from proxy.core.cooldown import Cooldown, Reason
from proxy.storage import storage
from proxy.store.address import Link, StoreAddress
from proxy.store.away import StoreAwayError
from proxy.store.memory import MemoryStore
from tests.proxy.store.shared_rig import Events
from tests.proxy.store.wishes import wish
from tests.redis_rig import redis_server

A = AccountName("a")
DRAINED = A, ANY_MODEL, Cooldown(2e9, Reason.DRAINED)


@dataclass(frozen=True)
class Shared:
    """Settings of a replica on some Redis."""

    url: str

    def open(self):
        store = SharedStore(Link(StoreAddress.parse(self.url)))
        return storage(Settings(accounts=(), store=store), Events())


async def test_memory_is_kept_in_its_file(tmp_path):
    settings = Settings(accounts=(), state_file=tmp_path / "state")
    kept = storage(settings, Events())
    async with kept.open:
        await kept.firm.rest(*DRAINED)
    again = storage(settings, Events())
    async with again.open:
        snapshot = await again.store.snapshot()

    assert isinstance(kept.store, MemoryStore)
    assert ANY_MODEL in snapshot.accounts[A].cooldowns
    assert not kept.away


async def test_what_one_replica_is_told_another_knows():
    with redis_server() as server:
        one, other = Shared(server.tcp).open(), Shared(server.url).open()
        async with one.open, other.open:
            await one.firm.rest(*DRAINED)
            snapshot = await other.store.snapshot()

    assert ANY_MODEL in snapshot.accounts[A].cooldowns
    assert (one.away, other.away) == (False, False)


async def test_without_redis_requests_go_on_and_operators_are_refused():
    replica = Shared("redis://127.0.0.1:1").open()
    async with replica.open:
        slot = await replica.store.claim(wish("s", "a"))
        with pytest.raises(StoreAwayError):
            await replica.firm.rest(*DRAINED)

    assert slot.account == A
    assert replica.away

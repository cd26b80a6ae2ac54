import asyncio
import stat
from math import inf

import pytest

from proxy.core.account import ANY_MODEL
from proxy.core.cooldown import Cooldown, Reason
from proxy.ledger import MemoryLedger
from proxy.store.base import Refusal, Slot, Standing, StorePolicy
from proxy.store.memory import MemoryStore
from proxy.store.state_file import Loaded, StateFile
from tests.proxy.store.factories import POLICY, Clock
from tests.proxy.store.wishes import HAIKU, OPUS, A, B, bind, burst, fill, wish


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kept" / "headgate.state"


async def restarted(path, clock, policy=POLICY):
    """A new store that has loaded the file."""
    store = MemoryStore(policy, clock)
    return store, StateFile(path, store, MemoryLedger(clock), clock=clock).load()


async def ticks():
    """Turns of the loop, for as long as the test's own time-out lets them go on."""
    while True:
        yield await asyncio.sleep(0.001)


async def saved(path, store, clock):
    async with StateFile(path, store, MemoryLedger(clock), clock=clock):
        pass


async def test_cooldowns_limits_and_affinity_survive_a_restart(path, clock):
    store = MemoryStore(POLICY, clock)
    await bind(store, "s", B)
    (slot, *_) = await fill(store, A, 6)
    store.settle(slot, burst(clock.now + 60))
    await store.rest(B, OPUS, Cooldown(clock.now + 90, Reason.MODEL_LIMIT))
    await saved(path, store, clock)

    again, loaded = await restarted(path, clock)

    assert loaded is Loaded.FOUND
    seen = (await again.snapshot()).accounts
    assert seen[A].cooldowns == {ANY_MODEL: Cooldown(clock.now + 60, Reason.BURST)}
    assert (seen[A].in_flight, seen[A].streak) == (0, 1)
    assert seen[B].cooldowns == {OPUS: Cooldown(clock.now + 90, Reason.MODEL_LIMIT)}
    assert again.guess("s", HAIKU) == B
    clock.advance(60)
    assert (await again.claim(wish(None, "a"))).standing is Standing.CANARY
    assert again.gates[A].limit == 5


async def test_a_rest_without_end_has_none_after_a_restart(path, clock):
    store = MemoryStore(POLICY, clock)
    await store.rest(A, ANY_MODEL, Cooldown(inf, Reason.DRAINED))
    await saved(path, store, clock)
    clock.advance(1e9)

    again, _ = await restarted(path, clock)

    assert isinstance(await again.claim(wish(None, "a")), Refusal)


async def test_bindings_that_have_run_out_are_left_aside_and_none_outlives_a_new_ttl(path, clock):
    store = MemoryStore(POLICY, clock)
    await bind(store, "old", A)
    clock.advance(3000)
    await bind(store, "new", A)
    await saved(path, store, clock)
    clock.advance(1000)

    again, _ = await restarted(path, clock, StorePolicy(affinity_ttl=100))

    assert (again.guess("old", OPUS), again.guess("new", OPUS)) == (None, A)
    clock.advance(101)
    assert again.guess("new", OPUS) is None


async def test_without_a_file_the_store_starts_empty(path, clock):
    store, loaded = await restarted(path, clock)

    assert loaded is Loaded.MISSING
    assert (await store.snapshot()).accounts == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe",
        b'{"version": 1, "accounts": {',
        b"[]",
        b'{"version": 1, "accounts": {"a": 7}, "sessions": {}}',
        b'{"version": 1, "accounts": {"a": {"learned": 0}}, "sessions": {}}',
        b'{"version": 1, "accounts": {"a": {"rests": {"*": [null, "quota", -1]}}}, "sessions": {}}',
        b'{"version": 0, "accounts": {}, "sessions": {}}',
        b'{"version": 99, "accounts": {}, "sessions": {}}',
    ],
)
async def test_a_file_that_cannot_be_read_is_kept_aside(path, clock, content):
    path.parent.mkdir()
    path.write_bytes(content)

    store, loaded = await restarted(path, clock)

    assert loaded is Loaded.BROKEN
    assert (await store.snapshot()).accounts == {}
    assert not path.exists()
    assert path.with_name("headgate.state.broken").read_bytes() == content


async def test_the_file_is_its_owners_alone_and_nothing_is_left_beside_it(path, clock):
    store = MemoryStore(POLICY, clock)
    await bind(store, "s", A)
    await saved(path, store, clock)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_it_is_saved_at_intervals_and_only_if_there_is_news(path, clock):
    store = MemoryStore(POLICY, clock)
    async with (
        asyncio.timeout(10),
        StateFile(path, store, MemoryLedger(clock), interval=0.005, clock=clock),
    ):
        await bind(store, "s", A)
        async for _ in ticks():
            if path.exists():
                break
        written = path.stat()

    assert path.stat().st_mtime_ns == written.st_mtime_ns
    assert path.stat().st_ino == written.st_ino


async def test_what_cannot_be_written_is_written_later(tmp_path, clock):
    blocker = tmp_path / "kept"
    blocker.write_text("a file where a folder should be")
    store = MemoryStore(POLICY, clock)
    await bind(store, "s", A)
    file = StateFile(blocker / "headgate.state", store, MemoryLedger(clock), clock=clock)
    await file.save()
    blocker.unlink()

    await file.save()

    again, loaded = await restarted(blocker / "headgate.state", clock)
    assert loaded is Loaded.FOUND
    assert again.guess("s", OPUS) == A


async def fall(path, store, clock):
    async with StateFile(path, store, MemoryLedger(clock), clock=clock):
        await bind(store, "s", A)
        raise ZeroDivisionError


async def test_it_is_saved_also_when_the_proxy_falls(path, clock):
    with pytest.raises(ZeroDivisionError):
        await fall(path, MemoryStore(POLICY, clock), clock)

    again, _ = await restarted(path, clock)
    assert isinstance(await again.claim(wish("s", "ab")), Slot)
    assert again.guess("s", OPUS) == A

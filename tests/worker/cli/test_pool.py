import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import psutil
import pytest

from tests.worker.cli.stand_in import MUTE, launch
from worker.cli.pool import PoolLimits, ProcessPool
from worker.core import lines
from worker.errors import UnavailableError

LIMITS = {"warm": 0, "most": 3, "idle_ttl": 60.0, "max_age": 60.0, "patience": 5.0}
TWO_BY_GUESS = 250 * 1024 * 1024
"""Room for two processes, by what one is thought to take before it was measured."""


@asynccontextmanager
async def pool(folder, **limits):
    async with ProcessPool(launch(folder), PoolLimits(**(LIMITS | limits))) as made:
        yield made


async def told(pool: ProcessPool, memory: bytes, then: bytes | None = None) -> tuple[int, bool]:
    """Take one turn; `then` is what the process knows after it."""
    async with pool.hold(memory) as hold:
        hold.memory = then
        return hold.process.pid, hold.fresh


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  the pool tells nobody about its warm ones
            await asyncio.sleep(0.005)


async def test_a_conversation_finds_the_process_that_remembers_it(tmp_path):
    async with pool(tmp_path) as made:
        first, fresh = await told(made, b"", b"one")
        other, _ = await told(made, b"", b"two")

        assert fresh
        assert await told(made, b"one", b"one more") == (first, False)
        assert await told(made, b"two") == (other, False)


async def test_what_a_process_knows_is_used_once(tmp_path):
    async with pool(tmp_path) as made:
        first, _ = await told(made, b"", b"one")
        async with made.hold(b"one") as mine, made.hold(b"one") as theirs:
            assert (mine.process.pid, mine.fresh) == (first, False)
            assert theirs.fresh


async def test_a_process_that_was_not_kept_is_gone(tmp_path):
    async with pool(tmp_path) as made:
        async with made.hold(b"") as hold:
            process = hold.process
        async with asyncio.timeout(2):
            await process.gone()

        assert made.counts().busy == 0
        assert (await told(made, b""))[1]


async def test_a_turn_that_fails_or_is_left_gives_its_place_back_and_its_process_up(tmp_path):
    held = []

    async def fail(made: ProcessPool, error: type[BaseException]) -> None:
        async with made.hold(b"") as hold:
            held.append(hold.process)
            raise error

    async with pool(tmp_path, most=1) as made:
        for error in (ValueError, asyncio.CancelledError):
            with pytest.raises(error):
                await fail(made, error)

        assert (await told(made, b""))[1]
    assert not any(process.alive for process in held)


async def test_a_dead_process_is_not_given_to_a_conversation(tmp_path):
    async with pool(tmp_path) as made:
        async with made.hold(b"") as hold:
            hold.memory = b"one"
        hold.process.kill()
        await hold.process.gone()

        assert (await told(made, b"one"))[1]


async def test_a_process_that_went_on_talking_after_its_turn_gets_no_other(tmp_path):
    async with pool(tmp_path) as made:
        async with made.hold(b"") as hold:
            hold.memory = b"one"
        await hold.process.write(lines.user([], query=False))
        await until(lambda: not hold.process.quiet)

        assert (await told(made, b"one"))[1]
        await hold.process.gone()


async def test_a_process_that_fell_silent_for_good_is_ended_when_its_place_is_asked_for(tmp_path):
    async with ProcessPool(launch(tmp_path, MUTE), PoolLimits(**(LIMITS | {"warm": 1}))) as made:
        await until(lambda: made._all and not any(process.alive for process in made._all))
        mute = set(made._all)
        async with made.hold(b"") as hold, asyncio.timeout(3):
            assert hold.process not in mute
            for process in mute:
                await process.gone()


async def test_a_warm_process_that_comes_too_late_does_not_stay(tmp_path):
    async with pool(tmp_path, warm=1, most=1) as made:
        async with asyncio.timeout(5):
            while not made._starting:  # noqa: ASYNC110  it lasts for a moment only
                await asyncio.sleep(0)
        async with made.hold(b"") as hold:
            await until(lambda: not made._starting)

            assert [process for process in made._all if process.alive] == [hold.process]
            assert made.counts().warm == 0


async def test_a_full_pool_makes_wait_and_then_says_so(tmp_path):
    async with pool(tmp_path, most=1, patience=0.05) as made:
        async with made.hold(b""):
            with pytest.raises(UnavailableError):
                await told(made, b"")

        assert (await told(made, b""))[1]


async def test_a_waiting_turn_gets_the_place_that_becomes_free(tmp_path):
    async with pool(tmp_path, most=1) as made, AsyncExitStack() as stack:
        await stack.enter_async_context(made.hold(b""))
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(told(made, b""))
            await asyncio.sleep(0)
            await stack.aclose()

        assert waiting.result()[1]


async def test_the_conversation_that_rested_longest_makes_room(tmp_path):
    async with pool(tmp_path, most=2) as made:
        await told(made, b"", b"one")
        second, _ = await told(made, b"", b"two")
        third, _ = await told(made, b"", b"three")

        assert await told(made, b"two", b"two") == (second, False)
        assert await told(made, b"three", b"three") == (third, False)
        assert (await told(made, b"one"))[1]


async def test_warm_processes_are_kept_at_hand_and_replaced(tmp_path):
    async with pool(tmp_path, warm=2) as made:
        await until(lambda: made._shelf.warm == 2)
        warm = {process.pid for process in made._shelf._warm}
        taken, fresh = await told(made, b"", b"one")

        assert fresh
        assert taken in warm
        await until(lambda: made._shelf.warm == 2)
        assert made._size() == 3


async def test_warm_processes_do_not_push_conversations_out(tmp_path):
    async with pool(tmp_path, warm=2, most=2) as made:
        await until(lambda: made._shelf.warm == 2)
        first, _ = await told(made, b"", b"one")
        second, _ = await told(made, b"", b"two")

        assert await told(made, b"one", b"one") == (first, False)
        assert await told(made, b"two", b"two") == (second, False)


@pytest.mark.parametrize("limit", ["idle_ttl", "max_age"])
async def test_what_rests_too_long_or_is_too_old_is_let_go(tmp_path, limit):
    async with pool(tmp_path, **{limit: 0.01}) as made:
        async with made.hold(b"") as hold:
            hold.memory = b"one"
        await asyncio.sleep(0.02)
        made._nudged.set()
        async with asyncio.timeout(2):
            await hold.process.gone()

        assert (await told(made, b"one"))[1]


async def test_the_end_of_the_pool_is_the_end_of_every_process(tmp_path):
    async with AsyncExitStack() as stack:
        async with pool(tmp_path, warm=1) as made:
            working = (await stack.enter_async_context(made.hold(b""))).process
            async with made.hold(b"") as hold:
                hold.memory = b"one"
            processes = set(made._all)

        assert {working, hold.process} <= processes
        assert not any(process.alive for process in processes)
        assert not made._all
        with pytest.raises(UnavailableError):
            await told(made, b"")


async def test_a_command_that_cannot_be_started_leaves_the_turn_unbegun(tmp_path):
    nothing = replace(launch(tmp_path), command=("/nowhere/claude",))
    async with ProcessPool(nothing, PoolLimits(**(LIMITS | {"warm": 1}))) as made:
        with pytest.raises(UnavailableError):
            await told(made, b"")

        assert (made.counts().busy, made._size()) == (0, 0)


async def test_a_process_that_is_of_no_use_is_renewed_within_its_turn(tmp_path):
    async with pool(tmp_path) as made:
        first, _ = await told(made, b"", b"one")
        async with made.hold(b"one") as hold:
            await made.renew(hold)

            assert (hold.fresh, hold.process.alive) == (True, True)
            assert hold.process.pid != first
        counts = made.counts()

    assert (counts.started, counts.reused, counts.claims) == (2, 1, 2)


async def test_a_process_with_a_place_of_its_own_works_there_and_is_never_a_warm_one(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    async with pool(tmp_path, warm=1) as made:
        await until(lambda: made.counts().warm == 1)
        async with made.hold(b"", place=place) as hold:
            where = psutil.Process(hold.process.pid).cwd()

            assert (where, made.counts().warm) == (str(place), 1)


async def test_what_rests_longest_makes_room_in_memory(tmp_path):
    async with pool(tmp_path, memory=TWO_BY_GUESS) as made:
        for memory in (b"one", b"two", b"three"):
            await told(made, b"", memory)

        assert made.counts().idle == 2
        assert not (await told(made, b"two", b"two"))[1]
        assert (await told(made, b"one"))[1]


async def test_work_is_not_ended_for_memory_but_waited_for(tmp_path):
    async with pool(tmp_path, memory=TWO_BY_GUESS, patience=1.0) as made:
        async with made.hold(b""), AsyncExitStack() as stack:
            await stack.enter_async_context(made.hold(b""))
            with pytest.raises(UnavailableError, match="memory"):
                await told(made, b"")
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(told(made, b""))
                await asyncio.sleep(0)
                await stack.aclose()

    assert waiting.result()[1]


async def test_the_only_process_is_there_whatever_it_takes_until_it_rests(tmp_path):
    async with pool(tmp_path, memory=1) as made:
        await told(made, b"", b"one")
        made._nudged.set()
        await until(lambda: not made.counts().idle)

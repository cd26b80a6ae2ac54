"""Clients that leave, again and again."""

import asyncio
import os
from contextlib import suppress

import psutil

from tests.worker.cli.programs import hushed
from tests.worker.engines.cli_rig import turn, user
from worker.engines.cli import CliEngine

LEAVING = 500
"""On each of two event loops."""


async def test_a_thousand_turns_that_are_left_leave_nothing_behind(tmp_path):
    others = children()
    engine = CliEngine(hushed(tmp_path, max_processes=8, warm=2))

    def settled():
        """Whether only the warm processes are left."""
        return engine.state().processes.warm == 2 and len(children()) == len(others) + 2

    await engine.start()
    try:
        await leave_many(engine, 50)
        await until(settled)
        files = open_files()
        await leave_many(engine, LEAVING)
        await until(lambda: settled() and open_files() <= files)

        assert engine.state().processes.busy == 0
    finally:
        await engine.stop()
    assert children() == others
    assert not os.listdir(tmp_path / "home" / "tmp")  # noqa: PTH208


async def leave_many(engine: CliEngine, times: int) -> None:
    places = asyncio.Semaphore(8)

    async def leave(number: int) -> None:
        talks = number % 2 == 0
        asked = turn(user(f"{number} {'talk' if talks else 'hush'}"))
        async with places:
            with suppress(TimeoutError):
                async with asyncio.timeout(None if talks else number % 5 / 200):
                    async with engine.turn(asked) as events:
                        async for _ in events:
                            break

    await asyncio.gather(*map(leave, range(times)))


async def until(condition) -> None:
    """Nobody tells when the last process is gone and its pipes are closed: look until so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def children() -> list[psutil.Process]:
    """Every process below this one, zombies too."""
    return psutil.Process().children(recursive=True)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

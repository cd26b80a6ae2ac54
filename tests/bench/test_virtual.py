import asyncio
import time

import pytest

from bench import virtual


def test_hours_pass_at_once_and_to_the_second():
    async def story():
        await asyncio.sleep(86_400)
        return virtual.wall()

    began = time.monotonic()

    assert virtual.run(story()) == pytest.approx(virtual.BEGINNING + 86_400)
    assert time.monotonic() - began < 5


def test_what_is_due_first_comes_first():
    came = []

    async def sleeper(seconds):
        await asyncio.sleep(seconds)
        came.append((seconds, asyncio.get_running_loop().time()))

    async def story():
        async with asyncio.TaskGroup() as tasks:
            for seconds in (300, 5, 40):
                tasks.create_task(sleeper(seconds))

    virtual.run(story())

    assert came == [(5, 5), (40, 40), (300, 300)]


def test_a_deadline_ends_what_lasts_longer():
    async def story():
        async with asyncio.timeout(10):
            await asyncio.sleep(11)

    with pytest.raises(TimeoutError):
        virtual.run(story())


def test_who_waits_for_nobody_is_told_so():
    async def story():
        await asyncio.Event().wait()

    with pytest.raises(virtual.StuckError):
        virtual.run(story())

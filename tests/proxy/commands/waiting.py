"""Waits for what other processes do: there is no event to wait for, so it looks."""

import asyncio

import psutil


async def until(condition, seconds=30):
    """The first true value of `condition()`, or TimeoutError."""
    async with asyncio.timeout(seconds):
        while not (found := condition()):  # noqa: ASYNC110 (another process sets no event)
            await asyncio.sleep(0.01)
    return found


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

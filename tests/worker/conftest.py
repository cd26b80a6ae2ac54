"""A worker around a scripted engine."""

from collections.abc import AsyncIterator

import pytest

from tests.worker.rig import Scripted, Served, serving


@pytest.fixture
def engine() -> Scripted:
    return Scripted()


@pytest.fixture
async def worker(engine: Scripted) -> AsyncIterator[Served]:
    async with serving(engine) as served:
        yield served

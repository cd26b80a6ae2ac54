"""A proxy in front of one worker that answers with the bytes it is told."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.rig import Team, team
from tests.proxy.raw_worker import RawWorker


@dataclass
class RawTeam(Team):
    """A team of one, and its worker."""

    worker: RawWorker | None = None

    async def bytes(self) -> tuple[int, bytes]:
        async with self.post("hi") as answer:
            return answer.status, await answer.read()


@pytest.fixture
def fleet_of(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[RawTeam]]:
    @asynccontextmanager
    async def fleet_of(worker: RawWorker, **config: object) -> AsyncIterator[RawTeam]:
        async with worker:
            account = {"name": "ann", "url": worker.url, "headers": {"x-api-key": "dummy-key"}}
            async with team(tmp_path, [account], None, **config) as fleet:
                yield RawTeam(fleet.simulator, fleet.app, fleet.http, fleet.lines, (), worker)

    return fleet_of

"""Clients that ask and ask, and write down how it went."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.e2e.rig import Team


@dataclass(frozen=True)
class Asked:
    """One request: how long it took, and what came of it."""

    seconds: float
    status: int
    text: str


@dataclass
class Load:
    """All that was asked."""

    asked: list[Asked] = field(default_factory=list)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def failed(self) -> list[Asked]:
        return [one for one in self.asked if one.status != 200]

    def slowest(self) -> float:
        """The 99th percentile of all (seconds)."""
        seconds = sorted(one.seconds for one in self.asked)
        return seconds[int(0.99 * (len(seconds) - 1))]

    async def more(self, count: int, seconds: float = 20) -> None:
        """Wait until so many more were answered."""
        goal = len(self.asked) + count
        async with asyncio.timeout(seconds), self._more:
            await self._more.wait_for(lambda: len(self.asked) >= goal)

    async def add(self, one: Asked) -> None:
        async with self._more:
            self.asked.append(one)
            self._more.notify_all()


@asynccontextmanager
async def load(*teams: Team, clients: int = 8) -> AsyncIterator[Load]:
    """So many clients for each proxy, each with a session of its own."""
    running = Load()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_ask_for_ever(running, team, f"session-{n}"))
            for team in teams
            for n in range(clients)
        ]
        try:
            yield running
        finally:
            for task in tasks:
                task.cancel()


async def _ask_for_ever(running: Load, team: Team, session: str) -> None:
    while True:
        began = time.monotonic()
        async with team.post("hi", headers={"x-session-id": session}) as answer:
            text = await answer.text()
        await running.add(Asked(time.monotonic() - began, answer.status, text))

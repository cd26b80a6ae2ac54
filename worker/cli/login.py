"""Whether the login still works, kept up to date."""

import asyncio
from contextlib import suppress
from typing import Final, Self

from worker.cli.command import login
from worker.cli.process import Launch
from worker.core.state import Login

_WHILE_BROKEN: Final = 30.0
_WHILE_WORKING: Final = 3600.0


class LoginWatch:
    """Asks the CLI at the start, after every doubt, and now and then; one question at a time."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._doubted = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._watching: asyncio.Task[None] | None = None
        self.login = Login(ok=False)

    async def __aenter__(self) -> Self:
        self.login = await login(self._launch)
        await self._tasks.__aenter__()
        self._watching = self._tasks.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching:
            self._watching.cancel()
        await self._tasks.__aexit__(None, None, None)

    def doubt(self) -> None:
        """The provider refused the login: look at it again."""
        self._doubted.set()

    async def _watch(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_WHILE_WORKING if self.login.ok else _WHILE_BROKEN):
                    await self._doubted.wait()
            self._doubted.clear()
            self.login = await login(self._launch)

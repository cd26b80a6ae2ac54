"""Whether the login still works, kept up to date."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

import msgspec

from worker.cli.command import login
from worker.cli.process import Launch
from worker.core.state import Login

_WHILE_BROKEN: Final = 30.0
_WHILE_WORKING: Final = 3600.0
_GLANCE: Final = 1.0
"""Seconds between two looks at the file of a login."""


class _Tokens(msgspec.Struct, rename="camel"):
    expires_at: float | None = None
    refresh_token: str | None = None
    refresh_token_expires_at: float | None = None


class _Credentials(msgspec.Struct, rename="camel"):
    claude_ai_oauth: _Tokens | None = None


class LoginWatch:
    """Asks the CLI at the start, after a doubt, after a new login, and now and then.

    It asks one question at a time. `renewed_at` is when the login's file last changed (epoch s).
    """

    def __init__(
        self, launch: Launch, credentials: Path, clock: Callable[[], float] = time.time
    ) -> None:
        self._launch = launch
        self._credentials = credentials
        self._clock = clock
        self._doubted = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._watching: asyncio.Task[None] | None = None
        self._seen: tuple[int, int] | None = None
        self.login = Login(ok=False)
        self.renewed_at = 0.0

    async def __aenter__(self) -> Self:
        await self._look()
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

    async def _look(self) -> None:
        stamp = self._stamp()
        if self._seen not in (None, stamp):
            self.renewed_at = self._clock()
        self._seen = stamp
        found = await login(self._launch)
        expires_at = found.expires_at or expiry(self._credentials)
        self.login = replace(found, expires_at=expires_at, checked_at=self._clock())

    async def _watch(self) -> None:
        while True:
            await self._reason_to_look()
            self._doubted.clear()
            await self._look()

    async def _reason_to_look(self) -> None:
        usual = _WHILE_WORKING if self.login.works_at(self._clock()) else _WHILE_BROKEN
        with suppress(TimeoutError):
            async with asyncio.timeout(usual):
                while self._stamp() == self._seen:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_GLANCE):
                            await self._doubted.wait()
                            return

    def _stamp(self) -> tuple[int, int]:
        try:
            status = self._credentials.stat()
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_ino


def expiry(credentials: Path) -> float | None:
    """When the login in a file runs out (epoch s). What can be refreshed runs out with that."""
    try:
        found = msgspec.json.decode(credentials.read_bytes(), type=_Credentials)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    tokens = found.claude_ai_oauth
    if tokens is None:
        return None
    at = tokens.refresh_token_expires_at if tokens.refresh_token else tokens.expires_at
    return at / 1000 if at else None

"""The folders in which conversations work, each for one client's one session."""

import asyncio
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final, Self

_SWEEP_EVERY: Final = 60.0
_NAME: Final = "[0-9a-f]" * 32
_LONG_AGO: Final = (0.0, 0.0)


class Workspaces:
    """Makes them, and removes those without a turn for `ttl` seconds; None keeps them for ever."""

    def __init__(self, root: Path, ttl: float | None) -> None:
        self._root = root
        self._ttl = ttl
        self._used: Counter[Path] = Counter()
        self._forgotten: set[Path] = set()
        self._tasks = asyncio.TaskGroup()
        self._sweeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._tasks.__aenter__()
        self._sweeper = self._tasks.create_task(self._sweep_now_and_then())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._sweeper:
            self._sweeper.cancel()
        await self._tasks.__aexit__(None, None, None)

    @contextmanager
    def entered(self, client: str, session: str) -> Iterator[Path]:
        """The folder of a conversation, which stays at least as long as this lasts."""
        folder = self._folder(client, session)
        self._forgotten.discard(folder)
        self._used[folder] += 1
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            os.utime(folder)
            yield folder
        finally:
            self._used[folder] -= 1
            with suppress(OSError):
                os.utime(folder, _LONG_AGO if folder in self._forgotten else None)

    def forget(self, client: str, session: str) -> None:
        """Let a conversation's folder go with the next sweep after its last turn."""
        folder = self._folder(client, session)
        self._forgotten.add(folder)
        if not self._used[folder]:
            with suppress(OSError):
                os.utime(folder, _LONG_AGO)

    def sweep(self, now: float) -> None:
        """Remove what nobody has worked in since long before `now` (epoch seconds)."""
        if self._ttl is None:
            return
        for folder in self._root.glob(_NAME):
            with suppress(OSError):
                if not self._used[folder] and folder.stat().st_mtime < now - self._ttl:
                    shutil.rmtree(folder, ignore_errors=True)
                    self._forgotten.discard(folder)
                    del self._used[folder]

    def _folder(self, client: str, session: str) -> Path:
        name = blake2b(f"{client}\0{session}".encode(), digest_size=16).hexdigest()
        return self._root / name

    async def _sweep_now_and_then(self) -> None:
        while True:
            self.sweep(time.time())
            await asyncio.sleep(_SWEEP_EVERY)

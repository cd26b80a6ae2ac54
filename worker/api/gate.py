"""How many turns run at once, and whether new ones may begin."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from worker.errors import UnavailableError


class Gate:
    """Lets turns in while there are slots and the worker is not about to stop.

    A caller that leaves is noticed a moment later than its successor may come: a slot that is
    missing is waited for, up to `patience` (seconds), by `most_waiting` callers at once.
    """

    def __init__(
        self, slots: Callable[[], int], patience: float = 1.0, most_waiting: int = 64
    ) -> None:
        self.draining = False
        self.busy = 0
        self.waiting = 0
        self._slots = slots
        self._patience = patience
        self._most_waiting = most_waiting
        self._idle = asyncio.Event()
        self._idle.set()
        self._stirred = asyncio.Event()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold a slot, or raise `UnavailableError`: nothing was begun."""
        if self._full() and self.waiting < self._most_waiting:
            await self._wait()
        if self.draining:
            raise UnavailableError("this worker is about to stop")
        if self._full():
            raise UnavailableError("every slot of this worker is taken")
        self.busy += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.busy -= 1
            self._stirred.set()
            if not self.busy:
                self._idle.set()

    def close(self) -> None:
        """Let no new turn in."""
        self.draining = True
        self._stirred.set()

    async def idle(self) -> None:
        """Wait until no turn is left."""
        await self._idle.wait()

    def _full(self) -> bool:
        return self.busy >= self._slots()

    async def _wait(self) -> None:
        self.waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                while self._full() and not self.draining:
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError:
            return
        finally:
            self.waiting -= 1

"""How many turns run at once, and whether new ones may begin."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.errors import UnavailableError


class Gate:
    """Lets turns in while there are slots and the worker is not about to stop."""

    def __init__(self, slots: Callable[[], int]) -> None:
        self.draining = False
        self.busy = 0
        self._slots = slots
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold a slot, or raise `UnavailableError`: nothing was begun."""
        if self.draining:
            raise UnavailableError("this worker is about to stop")
        if self.busy >= self._slots():
            raise UnavailableError("every slot of this worker is taken")
        self.busy += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.busy -= 1
            if not self.busy:
                self._idle.set()

    def close(self) -> None:
        """Let no new turn in."""
        self.draining = True

    async def idle(self) -> None:
        """Wait until no turn is left."""
        await self._idle.wait()

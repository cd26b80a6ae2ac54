"""Many deadlines on one timer: setting one costs an attribute, and nothing is armed for it."""

import asyncio
from collections.abc import Sequence
from math import inf
from typing import Final, Protocol

NEVER: Final = inf
LATE: Final = 0.5
"""A sweep this late (s) finds a loop that was held up: what waits in the sockets comes first."""


class Watched(Protocol):
    """Something with a deadline on the loop's clock; it moves on as its owner sees fit."""

    deadline: float

    def overdue(self, now: float) -> None:
        """Called after the deadline, once a sweep, until the deadline is moved or it is forgotten."""


class Sweep:
    """Looks over its deadlines every `interval` seconds while there are any."""

    def __init__(self, shortest: Sequence[float]) -> None:
        self._interval = min(1.0, max(0.01, min(shortest) / 4))
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, item: Watched) -> None:
        self._watched.add(item)
        if self._timer is None:
            self._arm(asyncio.get_running_loop())

    def forget(self, item: Watched) -> None:
        self._watched.discard(item)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._watched.clear()

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + self._interval
        self._timer = loop.call_at(due, self._tick, loop, due)

    def _tick(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        if now - due < LATE:
            for item in [item for item in self._watched if item.deadline <= now]:
                item.overdue(now)
        self._timer = None
        if self._watched:
            self._arm(loop)

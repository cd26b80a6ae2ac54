"""Many deadlines on one timer: setting one costs an attribute, and nothing is armed for it."""

import asyncio
from collections.abc import Sequence
from math import inf
from typing import Final, Protocol

NEVER: Final = inf

LATE: Final = 0.5
"""A sweep this late (s) finds a loop that was held up: what waits in the sockets comes first."""


class Watched(Protocol):
    """Something with a deadline on the loop's clock, which its owner moves as it sees fit."""

    deadline: float

    def overdue(self, now: float) -> None:
        """Called once a sweep after the deadline, until it is moved or the thing is forgotten."""


class Sweep:
    """Looks over its deadlines a few times within the shortest of them, while it has any."""

    def __init__(self, periods: Sequence[float]) -> None:
        self._interval = min(1.0, max(0.01, min(periods) / 4))
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, item: Watched) -> None:
        self._watched.add(item)
        if self._timer is None:
            self._arm(asyncio.get_running_loop())

    def forget(self, item: Watched) -> None:
        self._watched.discard(item)

    def stop(self) -> None:
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

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


class Outflow:
    """Tells a peer that reads slowly from one that has stopped: do its bytes move?"""

    __slots__ = ("_moved", "_transport", "_unsent")

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._unsent = 0
        self._moved = 0.0

    def stuck(self, now: float) -> float | None:
        """For how long none has moved, as far as earlier calls saw, or None if none waits."""
        unsent = self._transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent, self._moved = unsent, now
        return now - self._moved if unsent else None

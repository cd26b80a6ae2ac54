"""An event loop in virtual time: where nobody is ready, it is at once as late as the next timer.

Hours pass in seconds and always alike. Nothing that runs in it may wait for the world outside.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

BEGINNING: Final = 1_800_000_000.0
"""When the clock on the wall begins (epoch seconds)."""


class StuckError(RuntimeError):
    """Everybody waits, and for nobody."""


class _Leap(selectors.SelectSelector):
    """Leaps over every wait instead of waiting."""

    leapt = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StuckError
        self.leapt += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose `time` begins at nought."""

    def __init__(self) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)

    def time(self) -> float:
        return self._leap.leapt


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run a story from its beginning to its end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(story)


def wall() -> float:
    """The clock on the wall of the loop that runs."""
    return BEGINNING + asyncio.get_running_loop().time()

"""How much memory the processes take, and whether there is room for one more."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from worker.cli.memory import measured
from worker.cli.process import CliProcess

_USUAL: Final = 100 * 1024 * 1024
"""What a process is thought to take before any was measured."""
_EVERY: Final = 5.0


class Weights:
    """Measures now and then, and guesses in between. `most` is in bytes; None bounds nothing."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._known: Mapping[int, int] = {}
        self._measured_at = -_EVERY

    async def measure(self, processes: Collection[CliProcess], now: float) -> None:
        """Look again, unless that was done just now."""
        if now - self._measured_at < _EVERY:
            return
        self._measured_at = now
        pids = [process.pid for process in processes]
        self._known = await asyncio.to_thread(measured, pids)

    def total(self, processes: Iterable[CliProcess]) -> int:
        """What these take together."""
        usual = self._usual()
        return sum(self._known.get(process.pid, usual) for process in processes)

    def fits(self, processes: Collection[CliProcess]) -> bool:
        """Whether one more may be started beside these. The only one always may."""
        if self._most is None or not processes:
            return True
        return self.total(processes) + self._usual() <= self._most

    def over(self, processes: Collection[CliProcess]) -> bool:
        """Whether these are too much already."""
        return self._most is not None and self.total(processes) > self._most

    def _usual(self) -> int:
        return max(self._known.values(), default=_USUAL)

"""The processes at rest: warm ones, and those that remember a conversation."""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from worker.cli.process import CliProcess

Owner = tuple[str, str]
"""A client and its session."""


@dataclass(frozen=True, slots=True)
class _Resting:
    process: CliProcess
    since: float
    owner: Owner


class Shelf:
    """What is taken off it is the taker's; whatever else leaves it is ended."""

    def __init__(self) -> None:
        self._resting: dict[bytes, _Resting] = {}
        self._warm: deque[CliProcess] = deque()

    @property
    def warm(self) -> int:
        return len(self._warm)

    @property
    def idle(self) -> int:
        return len(self._resting)

    @property
    def owners(self) -> Collection[Owner]:
        """Those whose conversations rest here."""
        return {resting.owner for resting in self._resting.values()}

    def add_warm(self, process: CliProcess) -> None:
        self._warm.append(process)

    def add(self, memory: bytes, process: CliProcess, owner: Owner, now: float) -> None:
        """Keep a process that remembers this, in place of another that does."""
        if displaced := self._resting.pop(memory, None):
            displaced.process.end()
        self._resting[memory] = _Resting(process, now, owner)

    def take(self, memory: bytes) -> CliProcess | None:
        """The one that remembers just this, if it still may be talked to."""
        resting = self._resting.pop(memory, None)
        if resting is None:
            return None
        if resting.process.alive and resting.process.quiet:
            return resting.process
        resting.process.end()
        return None

    def take_warm(self) -> CliProcess | None:
        while self._warm:
            process = self._warm.popleft()
            if process.alive:
                return process
            process.end()
        return None

    def drop_oldest(self) -> bool:
        """End the one that rested longest, a warm one last; False if there is none."""
        if self._resting:
            memory = next(iter(self._resting))
            self._resting.pop(memory).process.end()
        elif self._warm:
            self._warm.popleft().end()
        else:
            return False
        return True

    def forget(self, owner: Owner) -> None:
        """End what rests for an owner."""
        self._drop(memory for memory, rest in self._resting.items() if rest.owner == owner)

    def retire(self, idle_since: float, started_since: float) -> None:
        """End those at rest since before the one instant, and all from before the other."""
        self._drop(
            memory
            for memory, rest in self._resting.items()
            if rest.since < idle_since or _outworn(rest.process, started_since)
        )
        for process in tuple(self._warm):
            if _outworn(process, started_since):
                self._warm.remove(process)
                process.end()

    def _drop(self, memories: Iterable[bytes]) -> None:
        for memory in tuple(memories):
            self._resting.pop(memory).process.end()


def _outworn(process: CliProcess, started_since: float) -> bool:
    return not process.alive or process.started_at < started_since

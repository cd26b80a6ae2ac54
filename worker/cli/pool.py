"""The processes of one login: warm ones, live conversations, and those at work."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Self

from worker.cli.process import CliProcess, Launch
from worker.errors import UnavailableError

_TEND_EVERY: Final = 5.0

Owner = tuple[str, str]
"""A client and its session."""
_NOBODY: Final = ("", "")


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Counts of processes; durations in seconds. `patience` is the longest wait for a turn."""

    warm: int
    most: int
    idle_ttl: float
    max_age: float
    patience: float


@dataclass(slots=True, eq=False)
class Hold:
    """One turn's hold on a process. It ends with the turn unless `memory` names what it knows.

    `owner` is None once it has been told to forget.
    """

    process: CliProcess
    fresh: bool
    owner: Owner | None
    memory: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Resting:
    process: CliProcess
    since: float
    owner: Owner


class ProcessPool:
    """At most `most` processes, one turn at a time each.

    A conversation finds the process that remembers it; else a warm one is taken, else one is
    started, if need be in place of the conversation that has rested longest.
    """

    def __init__(self, launch: Launch, limits: PoolLimits) -> None:
        self._launch = launch
        self._limits = limits
        self._turns = asyncio.Semaphore(limits.most)
        self._resting: dict[bytes, _Resting] = {}
        self._warm: deque[CliProcess] = deque()
        self._all: set[CliProcess] = set()
        self._holds: set[Hold] = set()
        self._starting = 0
        self._nudged = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._tender: asyncio.Task[None] | None = None
        self.busy = 0

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._tender = self._tasks.create_task(self._tend())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every process, those at work too, and wait until they are gone."""
        tender, self._tender = self._tender, None
        if tender:
            tender.cancel()
        for process in self._all:
            process.end()
        for process in tuple(self._all):
            await process.gone()
        await self._tasks.__aexit__(None, None, None)

    @asynccontextmanager
    async def hold(self, memory: bytes, owner: Owner = _NOBODY) -> AsyncIterator[Hold]:
        """Hold a process for one turn, best one that remembers just this."""
        await self._turn()
        self.busy += 1
        hold = None
        try:
            hold = await self._claim(memory, owner)
            self._holds.add(hold)
            yield hold
        finally:
            self.busy -= 1
            self._turns.release()
            if hold:
                self._holds.discard(hold)
                self._settle(hold)

    @property
    def owners(self) -> Collection[Owner]:
        """Those for whom a process lives now."""
        busy = {hold.owner for hold in self._holds if hold.owner}
        return busy | {resting.owner for resting in self._resting.values()}

    def forget(self, owner: Owner) -> None:
        """End what rests for an owner now, and what works for it as soon as its turn is over."""
        for hold in self._holds:
            if hold.owner == owner:
                hold.owner = None
        for memory, resting in tuple(self._resting.items()):
            if resting.owner == owner:
                resting.process.end()
                del self._resting[memory]
        self._nudged.set()

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(self._limits.patience):
                await self._turns.acquire()
        except TimeoutError:
            raise UnavailableError("Every process of this worker is at work.") from None
        if self._tender is None:
            self._turns.release()
            raise UnavailableError("This worker is about to stop.")

    async def _claim(self, memory: bytes, owner: Owner) -> Hold:
        resting = self._resting.pop(memory, None)
        if resting and resting.process.alive and resting.process.quiet:
            return Hold(resting.process, fresh=False, owner=owner)
        if resting:
            resting.process.end()
        while self._warm:
            process = self._warm.popleft()
            if process.alive:
                self._nudged.set()
                return Hold(process, fresh=True, owner=owner)
            process.end()
        if self._size() >= self._limits.most:
            self._evict()
        return Hold(await self._started(), fresh=True, owner=owner)

    def _settle(self, hold: Hold) -> None:
        usable = self._tender is not None and hold.process.alive
        if hold.memory is None or hold.owner is None or not usable:
            hold.process.end()
            self._nudged.set()
            return
        displaced = self._resting.pop(hold.memory, None)
        if displaced:
            displaced.process.end()
        now = asyncio.get_running_loop().time()
        self._resting[hold.memory] = _Resting(hold.process, now, hold.owner)

    def _evict(self) -> None:
        for memory, resting in self._resting.items():
            resting.process.end()
            del self._resting[memory]
            return

    async def _started(self) -> CliProcess:
        self._starting += 1
        try:
            process = await CliProcess.start(self._launch, on_exit=self._all.discard)
        except OSError as exc:
            raise UnavailableError("The claude CLI could not be started.") from exc
        finally:
            self._starting -= 1
        self._all.add(process)
        if self._tender is None:
            process.end()
        return process

    async def _tend(self) -> None:
        """Keep warm ones at hand and let the old go, until cancelled."""
        while True:
            self._retire(asyncio.get_running_loop().time())
            with suppress(UnavailableError):
                await self._refill()
            with suppress(TimeoutError):
                async with asyncio.timeout(_TEND_EVERY):
                    await self._nudged.wait()
            self._nudged.clear()

    async def _refill(self) -> None:
        while len(self._warm) < self._limits.warm and self._size() < self._limits.most:
            self._warm.append(await self._started())

    def _size(self) -> int:
        return self._starting + sum(process.alive for process in self._all)

    def _retire(self, now: float) -> None:
        for memory, resting in tuple(self._resting.items()):
            if self._expired(resting.process, resting.since, now):
                resting.process.end()
                del self._resting[memory]
        for process in tuple(self._warm):
            if self._expired(process, now, now):
                process.end()
                self._warm.remove(process)

    def _expired(self, process: CliProcess, idle_since: float, now: float) -> bool:
        idle, age = now - idle_since, now - process.started_at
        return not process.alive or idle > self._limits.idle_ttl or age > self._limits.max_age

"""The processes of one login: warm ones, live conversations, and those at work."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Self

from worker.cli.process import CliProcess, Launch
from worker.cli.shelf import Owner, Shelf
from worker.cli.weights import Weights
from worker.core.state import Processes
from worker.errors import UnavailableError

_TEND_EVERY: Final = 5.0
_NOBODY: Final = ("", "")


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Counts of processes; durations in seconds. `patience` is the longest wait for a turn.

    `memory` bounds what all of them take together, in bytes.
    """

    warm: int
    most: int
    idle_ttl: float
    max_age: float
    patience: float
    memory: int | None = None


@dataclass(slots=True, eq=False)
class Hold:
    """One turn's hold on a process. It ends with the turn unless `memory` names what it knows.

    `place` is the folder it works in, where that is its own. `owner` is None once it has been
    told to forget.
    """

    process: CliProcess
    fresh: bool
    owner: Owner | None
    place: Path | None = None
    memory: bytes | None = None


@dataclass(slots=True)
class _Tally:
    busy: int = 0
    started: int = 0
    replaced: int = 0
    reused: int = 0
    claims: int = 0
    claim_seconds: float = 0.0


class ProcessPool:
    """At most `most` processes, one turn at a time each.

    A conversation finds the process that remembers it; else a warm one is taken, else one is
    started, if need be in place of the conversation that has rested longest.
    """

    def __init__(self, launch: Launch, limits: PoolLimits) -> None:
        self._launch = launch
        self._limits = limits
        self._turns = asyncio.Semaphore(limits.most)
        self._shelf = Shelf()
        self._weights = Weights(limits.memory)
        self._all: set[CliProcess] = set()
        self._holds: set[Hold] = set()
        self._starting = 0
        self._nudged = asyncio.Event()
        self._freed = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._tender: asyncio.Task[None] | None = None
        self._tally = _Tally()

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
    async def hold(
        self, memory: bytes, owner: Owner = _NOBODY, place: Path | None = None
    ) -> AsyncIterator[Hold]:
        """Hold a process for one turn, best one that remembers just this.

        With a `place` it is one that works in that folder.
        """
        await self._turn()
        self._tally.busy += 1
        hold = None
        try:
            hold = await self._claim(memory, owner, place)
            self._holds.add(hold)
            yield hold
        finally:
            self._tally.busy -= 1
            self._turns.release()
            if hold:
                self._holds.discard(hold)
                self._settle(hold)

    async def renew(self, hold: Hold) -> None:
        """Go on with a fresh process, because the one that remembered is of no use."""
        hold.process.end()
        self._tally.replaced += 1
        hold.process, hold.fresh = await self._fresh(hold.place), True

    @property
    def owners(self) -> Collection[Owner]:
        """Those for whom a process lives now."""
        return {*(hold.owner for hold in self._holds if hold.owner), *self._shelf.owners}

    def forget(self, owner: Owner) -> None:
        """End what rests for an owner now, and what works for it as soon as its turn is over."""
        for hold in self._holds:
            if hold.owner == owner:
                hold.owner = None
        self._shelf.forget(owner)
        self._nudged.set()

    def counts(self) -> Processes:
        """How many there are of each kind, and what has come of them."""
        return Processes(
            warm=self._shelf.warm,
            idle=self._shelf.idle,
            memory=self._weights.total(self._all) or None,
            **asdict(self._tally),
        )

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(self._limits.patience):
                await self._turns.acquire()
        except TimeoutError:
            raise UnavailableError("Every process of this worker is at work.") from None
        if self._tender is None:
            self._turns.release()
            raise UnavailableError("This worker is about to stop.")

    async def _claim(self, memory: bytes, owner: Owner, place: Path | None) -> Hold:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        known = self._shelf.take(memory)
        process = known or await self._fresh(place)
        self._tally.claims += 1
        self._tally.claim_seconds += loop.time() - begun
        self._tally.reused += known is not None
        return Hold(process, fresh=known is None, owner=owner, place=place)

    async def _fresh(self, place: Path | None) -> CliProcess:
        warm = self._shelf.take_warm() if place is None else None
        if warm:
            self._nudged.set()
            return warm
        await self._room()
        return await self._started(place)

    async def _room(self) -> None:
        """Make place for one more, or wait until there is memory for it."""
        while self._size() >= self._limits.most and self._shelf.drop_oldest():
            pass
        try:
            async with asyncio.timeout(self._limits.patience):
                while not self._weights.fits(self._alive()):
                    self._freed.clear()
                    if not self._shelf.drop_oldest():
                        await self._freed.wait()
        except TimeoutError:
            raise UnavailableError("There is no memory for another process.") from None

    def _settle(self, hold: Hold) -> None:
        usable = self._tender is not None and hold.process.alive
        if hold.memory is None or hold.owner is None or not usable:
            hold.process.end()
            self._tally.replaced += 1
            self._nudged.set()
            return
        now = asyncio.get_running_loop().time()
        self._shelf.add(hold.memory, hold.process, hold.owner, now)

    async def _started(self, place: Path | None = None) -> CliProcess:
        launch = replace(self._launch, directory=place) if place else self._launch
        self._starting += 1
        try:
            process = await CliProcess.start(launch, on_exit=self._ended)
        except OSError as exc:
            raise UnavailableError("The claude CLI could not be started.") from exc
        finally:
            self._starting -= 1
        self._all.add(process)
        self._tally.started += 1
        if self._tender is None:
            process.end()
        return process

    def _ended(self, process: CliProcess) -> None:
        self._all.discard(process)
        self._freed.set()

    async def _tend(self) -> None:
        """Keep warm ones at hand, let the old go and the bound on memory hold, until cancelled."""
        while True:
            now = asyncio.get_running_loop().time()
            self._shelf.retire(now - self._limits.idle_ttl, now - self._limits.max_age)
            await self._weights.measure(self._alive(), now)
            while self._weights.over(self._alive()) and self._shelf.drop_oldest():
                pass
            with suppress(UnavailableError):
                await self._refill()
            with suppress(TimeoutError):
                async with asyncio.timeout(_TEND_EVERY):
                    await self._nudged.wait()
            self._nudged.clear()

    async def _refill(self) -> None:
        while self._shelf.warm < self._limits.warm and self._size() < self._limits.most:
            if not self._weights.fits(self._alive()):
                return
            process = await self._started()
            if self._size() > self._limits.most:  # a turn has come meanwhile and could not wait
                process.end()
                return
            self._shelf.add_warm(process)

    def _alive(self) -> list[CliProcess]:
        return [process for process in self._all if process.alive]

    def _size(self) -> int:
        return self._starting + len(self._alive())

"""Keeps programs running beside the proxy, and leaves nothing of them behind."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

_LEASH = Path(__file__).with_name("leash.py")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. It gets this environment and nothing else, and writes where we do."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, is waited for what.

    The pause before a restart grows from `first` to `longest`, and is small again after a run of
    `steady`; a program that is told to stop has `grace`.
    """

    first: float = 0.5
    longest: float = 30.0
    steady: float = 60.0
    grace: float = 10.0

    def pause(self, previous: float, ran: float) -> float:
        """The pause after a run of so many seconds, given the one before it (0: none)."""
        if previous == 0 or ran >= self.steady:
            return self.first
        return min(self.longest, previous * 2)


class Supervisor:
    """Starts programs, starts them again when they end, and stops them with all they started.

    Each has a process group of its own, so that a signal to ours does not reach it.
    """

    def __init__(self, programs: Iterable[Program], patience: Patience | None = None) -> None:
        self._programs = tuple(programs)
        self._patience = patience or Patience()
        self.running: dict[str, int] = {}

    @asynccontextmanager
    async def keep(self) -> AsyncIterator[None]:
        """Keep the programs running for the body of the `async with`."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._keep(program)) for program in self._programs]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def _keep(self, program: Program) -> None:
        clock, pause = asyncio.get_running_loop().time, 0.0
        while True:
            started = clock()
            code = await self._run(program)
            pause = self._patience.pause(pause, clock() - started)
            log.warning("program ended", program=program.name, code=code, restart_in=pause)
            await asyncio.sleep(pause)

    async def _run(self, program: Program) -> int | str:
        """Run it once. Its exit code, or why it could not be started."""
        try:
            process = await _start(program)
        except OSError as error:
            return error.strerror or type(error).__name__
        self.running[program.name] = process.pid
        try:
            return await process.wait()
        finally:
            del self.running[program.name]
            await _stop(process, self._patience.grace)


async def _start(program: Program) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *program.argv),
        stdin=DEVNULL,
        env=dict(program.environment),
        start_new_session=True,
    )


async def _stop(process: Process, grace: float) -> None:
    """Ask the program to end, and see to it that its whole group does."""
    try:
        with suppress(ProcessLookupError, TimeoutError):
            process.terminate()
            async with asyncio.timeout(grace):
                await process.wait()
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

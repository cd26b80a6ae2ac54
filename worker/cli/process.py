"""One `claude` process: its pipes, and an end that leaves nothing behind."""

import asyncio
import os
import shutil
import signal
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Final, Self, cast

from worker.cli.strays import MARK, end_strays
from worker.core.records import Record, decode_record

_LONGEST_LINE: Final = 64 * 1024 * 1024
_HELD_BYTES: Final = 1024 * 1024
_STDERR_TAIL: Final = 4096
_GRACE: Final = 0.5
_STDIN, _STDOUT, _STDERR = range(3)


class ProcessGoneError(Exception):
    """The process has ended, or what it writes cannot be read any more."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a process: it inherits nothing beside what stands here.

    `command` alone is what short runs are made of; `arguments` make it one that talks to us.
    Each gets a folder of its own in `scratch` for what is temporary, its logs too. In `sessions`
    the CLI notes those that run, by their pid; one that is killed leaves its note behind. One
    that `works` runs programs of its own, which may outlive it and are ended then.
    """

    command: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path
    scratch: Path
    sessions: Path
    works: bool = False


class CliProcess(asyncio.SubprocessProtocol):
    """A process in a group of its own. One reader at a time; nobody reads between turns."""

    def __init__(
        self, launch: Launch, scratch: str, on_exit: Callable[["CliProcess"], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._launch = launch
        self._scratch = scratch
        self._on_exit = on_exit
        self._lines: deque[bytes] = deque()
        self._partial = bytearray()
        self._held = 0
        self._stderr = b""
        self._usable = True
        self._eof = False
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._exited = asyncio.Event()
        self._killer: asyncio.TimerHandle | None = None
        self.started_at = self._loop.time()

    @classmethod
    async def start(
        cls, launch: Launch, on_exit: Callable[["CliProcess"], None] = lambda _: None
    ) -> Self:
        """Start one; raises `OSError` if there is nothing to start. `on_exit` hears of its end."""
        scratch = mkdtemp(dir=launch.scratch)
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            _, process = await asyncio.get_running_loop().subprocess_exec(
                lambda: cls(launch, scratch, on_exit),
                *launch.command,
                *launch.arguments,
                env={**launch.environment, **_own(scratch, marked=launch.works)},
                cwd=launch.directory,
                start_new_session=True,
            )
            stack.pop_all()
        return process

    @property
    def pid(self) -> int:
        return self._transport.get_pid()

    @property
    def alive(self) -> bool:
        """Whether it may take a turn: it runs and nobody has ended it."""
        return self._usable and not self._eof

    @property
    def quiet(self) -> bool:
        """Whether all that it said was heard: what is left over is no answer to what comes."""
        return not self._lines and not self._partial

    @property
    def stderr_tail(self) -> str:
        """The last of its complaints; they may quote prompts once it was asked anything."""
        return self._stderr.decode(errors="replace")

    async def write(self, *lines: bytes) -> None:
        """Send lines, and wait until the process has taken most of them."""
        pipe = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(_STDIN))
        if pipe.is_closing():
            raise ProcessGoneError
        pipe.writelines(lines)
        await self._writable.wait()

    async def read(self, within: float | None = None) -> Record:
        """The next record that we know. Raises `TimeoutError` or `ProcessGoneError`."""
        while True:
            while self._lines:
                if record := decode_record(self._taken()):
                    return record
            if self._eof:
                raise ProcessGoneError
            self._reader = self._loop.create_future()
            async with asyncio.timeout(within):
                await self._reader

    def end(self) -> None:
        """Tell it to end, and kill whatever is left of its group after a moment."""
        if self._usable:
            self._usable = False
            self._signal(signal.SIGTERM)
            self._killer = self._loop.call_later(_GRACE, self._signal, signal.SIGKILL)

    def kill(self) -> None:
        """End it before it can do one thing more."""
        self._usable = False
        if not self._exited.is_set():
            self._signal(signal.SIGKILL)

    async def gone(self) -> None:
        """Wait until it is no more."""
        await self._exited.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by their face alone: isinstance would say no.
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == _STDERR:
            self._stderr = (self._stderr + data)[-_STDERR_TAIL:]
            return
        first, *others = data.split(b"\n")
        self._partial += first
        for following in others:
            self._lines.append(bytes(self._partial))
            self._held += len(self._partial)
            self._partial = bytearray(following)
        if len(self._partial) > _LONGEST_LINE:
            self._close()
        elif others:
            self._wake()
            self._pause(held=self._held > _HELD_BYTES)

    def pipe_connection_lost(self, fd: int, _exc: Exception | None) -> None:
        if fd == _STDOUT:
            self._close()
        elif fd == _STDIN:
            self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def process_exited(self) -> None:
        if self._killer:
            self._killer.cancel()
        self._signal(signal.SIGKILL)
        self._usable = False
        self._transport.close()
        self._close()
        if self._launch.works:
            strays = self._loop.run_in_executor(None, end_strays, self._scratch)
            strays.add_done_callback(lambda _: self._tidy())
        else:
            self._tidy()

    def _taken(self) -> bytes:
        line = self._lines.popleft()
        self._held -= len(line)
        if not self._lines:
            self._pause(held=False)
        return line

    def _pause(self, *, held: bool) -> None:
        pipe = cast("asyncio.ReadTransport | None", self._transport.get_pipe_transport(_STDOUT))
        if pipe is not None and not pipe.is_closing():
            (pipe.pause_reading if held else pipe.resume_reading)()

    def _wake(self) -> None:
        if self._reader and not self._reader.done():
            self._reader.set_result(None)

    def _close(self) -> None:
        self._eof = True
        self._writable.set()
        self._wake()

    def _tidy(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)
        for note in self._launch.sessions.glob(f"{self.pid}.*"):
            note.unlink(missing_ok=True)
        self._exited.set()
        self._on_exit(self)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def _own(scratch: str, *, marked: bool) -> dict[str, str]:
    """What no other process has in its environment."""
    own = {"TMPDIR": scratch, "XDG_CACHE_HOME": scratch}
    return own | {MARK: scratch} if marked else own

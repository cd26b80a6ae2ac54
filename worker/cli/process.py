"""One `claude` process: its pipes, and an end that leaves nothing behind."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

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
    """How to start a process: it inherits nothing beside what stands here."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path


class CliProcess(asyncio.SubprocessProtocol):
    """A process in a group of its own. One reader at a time; nobody reads between turns."""

    def __init__(self, on_exit: Callable[["CliProcess"], None] | None) -> None:
        loop = asyncio.get_running_loop()
        self._lines: deque[bytes] = deque()
        self._partial = bytearray()
        self._held = 0
        self._stderr = b""
        self._eof = False
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._exited: asyncio.Future[None] = loop.create_future()
        self._killer: asyncio.TimerHandle | None = None
        self._on_exit = on_exit
        self.unread = 0
        self.started_at = loop.time()

    @classmethod
    async def start(
        cls, launch: Launch, on_exit: Callable[["CliProcess"], None] | None = None
    ) -> Self:
        """Start one; raises `OSError` if there is nothing to start. `on_exit` hears of its end."""
        loop = asyncio.get_running_loop()
        _, process = await loop.subprocess_exec(
            lambda: cls(on_exit),
            *launch.argv,
            env=dict(launch.environment),
            cwd=launch.directory,
            start_new_session=True,
        )
        return process

    @property
    def pid(self) -> int:
        return self._transport.get_pid()

    @property
    def alive(self) -> bool:
        """Whether it may take a turn: it runs and nobody has ended it."""
        return not (self._eof or self._killer or self._exited.done())

    @property
    def stderr_tail(self) -> str:
        """The last of what it complained about; it may quote prompts, so it is never logged."""
        return self._stderr.decode(errors="replace")

    async def write(self, *lines: bytes) -> None:
        """Send lines, and wait until the process has taken most of them."""
        pipe = self._transport.get_pipe_transport(_STDIN)
        assert isinstance(pipe, asyncio.WriteTransport)  # noqa: S101  what stdin always is
        pipe.writelines(lines)
        await self._writable.wait()

    async def read(self, within: float | None = None) -> Record:
        """The next record that we know. Raises `TimeoutError` or `ProcessGoneError`."""
        while True:
            while self._lines:
                if record := decode_record(self._taken()):
                    return record
                self.unread += 1
            if self._eof:
                raise ProcessGoneError
            self._reader = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(within):
                await self._reader

    def end(self) -> None:
        """Tell it to end, and kill whatever is left of its group after a moment."""
        if self._killer is None and not self._exited.done():
            self._signal(signal.SIGTERM)
            loop = asyncio.get_running_loop()
            self._killer = loop.call_later(_GRACE, self._signal, signal.SIGKILL)

    async def gone(self) -> None:
        """Wait until it is no more."""
        await asyncio.shield(self._exited)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)  # noqa: S101  its promise
        self._transport = transport

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
            self._lose()
        if others:
            self._wake()
            self._pause(held=self._held > _HELD_BYTES)

    def pipe_connection_lost(self, fd: int, _exc: Exception | None) -> None:
        if fd == _STDOUT:
            self._eof = True
            self._wake()
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
        self._exited.set_result(None)
        self._transport.close()
        self._eof = True
        self._writable.set()
        self._wake()
        if self._on_exit:
            self._on_exit(self)

    def _taken(self) -> bytes:
        line = self._lines.popleft()
        self._held -= len(line)
        if not self._lines:
            self._pause(held=False)
        return line

    def _pause(self, *, held: bool) -> None:
        pipe = self._transport.get_pipe_transport(_STDOUT)
        if isinstance(pipe, asyncio.ReadTransport) and not pipe.is_closing():
            (pipe.pause_reading if held else pipe.resume_reading)()

    def _wake(self) -> None:
        if self._reader and not self._reader.done():
            self._reader.set_result(None)

    def _lose(self) -> None:
        self._partial.clear()
        self._eof = True
        self._wake()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

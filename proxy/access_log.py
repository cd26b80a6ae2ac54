"""Where access lines go: gathered for a moment, so that a line costs no system call of its own."""

import asyncio
from typing import BinaryIO

import msgspec


class AccessLine(msgspec.Struct, kw_only=True, omit_defaults=True, tag="access", tag_field="event"):
    """One line a request; sizes in bytes, times in seconds. Never a path, a header or a prompt."""

    at: float
    id: str
    route: str
    outcome: str
    status: int = 0
    client: str = "-"
    method: str = "-"
    account: str = "-"
    model: str = "-"
    stream: bool = False
    verdicts: tuple[str, ...] = ()
    seconds: float = 0.0
    first_byte: float | None = None
    request_bytes: int = 0
    answer_bytes: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class AccessLog:
    """Writes lines as JSON, at the latest `delay` seconds after they happened."""

    def __init__(self, out: BinaryIO, delay: float = 0.1) -> None:
        self._out = out
        self._delay = delay
        self._lines = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def write(self, line: AccessLine) -> None:
        """Keep a line for the next flush."""
        self._lines += msgspec.json.encode(line)
        self._lines += b"\n"
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self.flush)

    def flush(self) -> None:
        """Write what is kept. Called last by whoever stops the server."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, bytearray()
        self._out.write(lines)
        self._out.flush()

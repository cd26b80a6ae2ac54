"""What a process has left behind: programs that its tools started and that outlived it."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

MARK: Final = "HEADGATE_PROCESS"
"""The variable by which all that one process started is known, in whatever group it is."""
_PROC: Final = Path("/proc")


def end_strays(mark: str) -> None:
    """Kill every process that carries this mark; on a system without /proc, none."""
    for pid in _marked(mark):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _marked(mark: str) -> Iterator[int]:
    wanted = f"{MARK}={mark}".encode()
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)

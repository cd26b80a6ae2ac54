"""A login's folders belong to one worker at a time: two would ruin each other's login."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from worker.errors import WorkerError

_NAME: Final = "headgate.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, or raise `WorkerError` that names who does. The system lets go on any end."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / _NAME).open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            message = f"{folder} is in use by another worker (pid {owner})"
            raise WorkerError(message) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield

"""Runs a program that is told to end when the process that started it is gone.

`python leash.py PARENT PROGRAM ARGUMENT…` becomes the program. Linux alone offers this; elsewhere
it only runs the program. It is run as a file, so that it starts in a few milliseconds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: str, *program: str) -> None:
    """Bind this process to `parent` (a process id) and turn it into `program`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):
            sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606 (a list, no shell)


if __name__ == "__main__":
    main(*sys.argv[1:])

import asyncio
import os
import sys
from contextlib import asynccontextmanager

import pytest
from click.testing import CliRunner

from proxy.__main__ import main


@pytest.fixture
def headgate():
    """Runs a command in this process: `headgate("check-config", file)`."""

    def run(*arguments, **options):
        return CliRunner().invoke(main, [str(a) for a in arguments], **options)

    return run


@pytest.fixture
def started(tmp_path):
    """Runs a command as a process of its own; it is ended at the end if it has not by then."""

    @asynccontextmanager
    async def start(*arguments):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proxy", *map(str, arguments)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()

    return start

"""Programs that tests run: ours, which serve, and those of others, which end."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    """A scrubbed environment: nothing of the developer's reaches a process of ours."""
    return {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **more}


class Process:
    """A command of ours; `url` is the last word of the first line that it prints."""

    url: str
    process: asyncio.subprocess.Process

    def __init__(self, *argv: str, env: dict[str, str] | None = None, out: Path) -> None:
        self._argv = argv
        self._env = env or environment()
        self._out = out

    async def __aenter__(self) -> Self:
        with self._out.open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self._argv,
                cwd=ROOT,
                env=self._env,
                stdout=asyncio.subprocess.PIPE,
                stderr=out,
            )
        line = await asyncio.wait_for(self.process.stdout.readline(), 30)
        assert line, f"{self._argv[0]} did not start: {self._out.read_text()}"
        self.url = line.decode().split()[-1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except TimeoutError:
                self.process.kill()
        await self.process.communicate()


async def run(*argv, env, cwd=None):
    """Run a client to its end; what it printed."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=env,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, errors = await asyncio.wait_for(process.communicate(), 60)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, errors.decode() + out.decode()
    return out.decode()

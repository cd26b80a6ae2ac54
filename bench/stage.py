"""What turns are measured on: the simulated provider, workers before it, and the bare CLI."""

import asyncio
import os
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import aiohttp
import psutil
import yaml

MODEL = "claude-sonnet-5-5"
_LOGIN = "sim-bench"
_FIRST = b"content_block_delta"
_CLI = ("-p", "--verbose", "--output-format=stream-json", "--include-partial-messages")
_CALM = 0.2
_PIPE, _NOWHERE = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Service:
    """A process of ours that serves."""

    url: str
    process: psutil.Process

    def cpu(self) -> float:
        """Seconds of CPU that it and its children have used, user and system."""
        return sum(sum(process.cpu_times()[:2]) for process in (self.process, *self.children()))

    async def rest(self) -> None:
        """Wait until little of it works any more: new processes are ready, old ones have ended."""
        before, used = -1.0, self.cpu()
        while abs(used - before) > _CALM / 10:
            await asyncio.sleep(_CALM)
            before, used = used, self.cpu()

    def children(self) -> Sequence[psutil.Process]:
        return self.process.children(recursive=True)


@dataclass(frozen=True, slots=True)
class Stage:
    """`cold` starts a process for each conversation, `warm` has some at hand."""

    folder: Path
    http: aiohttp.ClientSession
    provider: Service
    cold: Service
    warm: Service

    async def first_event(self, service: Service, messages: Messages) -> float:
        """Seconds from a request to the first content of its stream, which is read to the end."""
        body = {"model": MODEL, "max_tokens": 100, "stream": True, "messages": messages}
        begun, first = time.perf_counter(), 0.0
        async with self.http.post(f"{service.url}/v1/messages", json=body) as answer:
            async for line in answer.content:
                if not first and _FIRST in line:
                    first = time.perf_counter() - begun
        if not first:
            raise ValueError(f"{service.url} answered {answer.status}")
        return first

    async def bare_cli(self, prompt: str) -> float:
        """Seconds from the start of `claude -p` to its first content; it runs to its end."""
        home = self.folder / "bare"
        home.mkdir(exist_ok=True)
        begun, first = time.perf_counter(), 0.0
        process = await asyncio.create_subprocess_exec(
            cli(),
            *_CLI,
            f"--model={MODEL}",
            env={"PATH": os.environ["PATH"], "HOME": str(home), **_login(self.provider.url)},
            cwd=home,
            stdin=_PIPE,
            stdout=_PIPE,
            stderr=_NOWHERE,
            limit=2**24,
        )
        told, heard = cast("tuple[StreamWriter, StreamReader]", (process.stdin, process.stdout))
        told.write(prompt.encode())
        told.close()
        async for line in heard:
            if not first and _FIRST in line:
                first = time.perf_counter() - begun
        await process.wait()
        if not first:
            raise ValueError("the bare CLI gave no answer")
        return first


def cli() -> str:
    """The claude CLI that the package claude-agent-sdk brings along."""
    package = find_spec("claude_agent_sdk")
    if package is None or package.origin is None:
        sys.exit("bench: needs the claude CLI of the package claude-agent-sdk")
    return str(Path(package.origin).parent / "_bundled/claude")


def _login(url: str) -> dict[str, str]:
    return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": _LOGIN}


@asynccontextmanager
async def stage(folder: Path, conversations: int) -> AsyncIterator[Stage]:
    """Everything on loopback, with room for so many conversations at once."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        provider = await enter(_running("simulator", "--listen", "127.0.0.1:0"))
        workers = [
            await enter(_worker(folder, name, provider.url, warm, conversations))
            for name, warm in (("cold", 0), ("warm", 2))
        ]
        http = await enter(aiohttp.ClientSession(headers={"x-api-key": _LOGIN}))
        yield Stage(folder, http, provider, *workers)


def _worker(
    folder: Path, name: str, url: str, warm: int, most: int
) -> AbstractAsyncContextManager[Service]:
    home = folder / name
    home.mkdir()
    engine = {
        "command": cli(),
        "home": str(home),
        "config_dir": str(home / "claude"),
        "environment": _login(url),
        "warm": warm,
        "max_processes": most + warm,
    }
    settings = {"account": name, "listen": "127.0.0.1:0", "engine": "cli", "cli": engine}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(settings))
    return _running("worker", "--config", str(file))


@asynccontextmanager
async def _running(module: str, *arguments: str) -> AsyncIterator[Service]:
    """A command of ours; the last word of its first line is its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=_PIPE, stderr=_NOWHERE
    )
    try:
        line = await asyncio.wait_for(cast("StreamReader", process.stdout).readline(), 30)
        yield Service(line.decode().split()[-1], psutil.Process(process.pid))
    finally:
        process.terminate()
        await process.wait()

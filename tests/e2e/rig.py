"""A whole team on this machine: the simulated provider, workers where wanted, and the proxy."""

import asyncio
import base64
import io
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from proxy.access_log import AccessLog
from proxy.app import App
from proxy.config import load
from tests.e2e.programs import ROOT, Process, environment
from tests.simulator_rig import Simulator
from tests.worker.engines.cli_rig import COMMAND as CLI

KEY = "team-key-0123456789abcdef"
WORKER_TOKEN = "worker-token-0123456789abcdef"
MODEL = "claude-sonnet-5-5"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def worker(name: str, engine: dict, folder: Path, **more: object) -> Process:
    """A worker of the account `name`; `engine` is the section of its configuration."""
    (kind,) = engine
    config = {
        "account": name,
        "listen": "127.0.0.1:0",
        "token": WORKER_TOKEN,
        "engine": kind,
        "drain": 1,
        **engine,
        **more,
    }
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(config))
    return Process("worker", "--config", str(file), out=folder / f"{name}.log")


def api_engine(name: str, simulator: Simulator) -> dict:
    return {"api": {"url": simulator.url, "key": f"sim-{name}", "concurrency": 20}}


def cli_engine(
    name: str, simulator: Simulator, folder: Path, credential="ANTHROPIC_API_KEY", **more: object
) -> dict:
    """The real CLI with a home, a configuration folder and a dummy credential of its own."""
    home = folder / f"{name}-home"
    home.mkdir()
    return {
        "cli": {
            "command": str(CLI),
            "config_dir": str(home / "claude"),
            "home": str(home),
            "environment": {
                credential: f"sim-{name}",
                "ANTHROPIC_BASE_URL": simulator.url,
            },
            "warm": 1,
            "max_processes": 3,
            **more,
        }
    }


class Lines(io.BytesIO):
    """The access log, in memory; `written` is set with its first lines."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, data) -> int:
        if data:
            self.written.set()
        return super().write(data)


@dataclass
class Team:
    """What a test sees of it: the provider, the proxy's parts, and a client's session."""

    simulator: Simulator
    app: App
    http: aiohttp.ClientSession
    lines: Lines
    workers: Sequence[Process] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.app.data_port}"

    @property
    def access_lines(self) -> list[dict]:
        self.app.access_log.flush()
        return [json.loads(line) for line in self.lines.getvalue().splitlines()]

    async def line(self) -> dict:
        """The first access line; it is written a moment after its answer's last byte."""
        await asyncio.wait_for(self.lines.written.wait(), 5)
        return self.access_lines[0]

    def post(self, prompt: str, *, headers: dict | None = None, **body: object):
        """One question as a request to be entered."""
        messages = [{"role": "user", "content": prompt}]
        asked = {"model": MODEL, "max_tokens": 200, "messages": messages, **body}
        return self.http.post(f"{self.url}/v1/messages", json=asked, headers=headers)

    async def ask(self, prompt: str, **body: object) -> tuple[int, dict]:
        """One question and its whole answer: the status and the JSON."""
        async with self.post(prompt, **body) as answer:
            return answer.status, await answer.json()

    async def states(self) -> dict[str, object]:
        return {status.name: status for status in await self.app.pool.states()}


@asynccontextmanager
async def team(
    folder: Path, accounts: Sequence[dict], simulator: Simulator, **config: object
) -> AsyncIterator[Team]:
    """A proxy in this loop, in front of these accounts."""
    async with AsyncExitStack() as stack:
        file = folder / "headgate.yaml"
        base = {
            "listen": "127.0.0.1:0",
            "admin": {"listen": "127.0.0.1:0"},
            "clients": [{"name": "alice", "key": KEY}],
            "accounts": list(accounts),
        }
        file.write_text(yaml.safe_dump(base | config))
        lines = Lines()
        app = await stack.enter_async_context(App(load(file), AccessLog(lines)))
        session = aiohttp.ClientSession(headers={"x-api-key": KEY})
        http = await stack.enter_async_context(session)
        yield Team(simulator, app, http, lines)


def plain(name: str, simulator: Simulator, **more: object) -> dict:
    """An account that is a Messages API itself: the provider's, by key."""
    return {"name": name, "url": simulator.url, "headers": {"x-api-key": f"sim-{name}"}, **more}


def served_by(name: str, process: Process, **more: object) -> dict:
    """An account with a worker."""
    return {"name": name, "url": process.url, "token": WORKER_TOKEN, **more}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Serving:
    """`headgate serve` as an operator runs it."""

    def __init__(self, folder, account, **config):
        self.port, self.admin = free_port(), free_port()
        self.file = folder / "headgate.yaml"
        self.errors = folder / "stderr"
        base = {
            "listen": f"127.0.0.1:{self.port}",
            "admin": {"listen": f"127.0.0.1:{self.admin}"},
            "clients": [{"name": "alice", "key": KEY}],
            "accounts": [account],
            "timeouts": {"drain_dwell": 0.3, "drain": 5},
        }
        self.file.write_text(yaml.safe_dump(base | config))

    async def start(self):
        with self.errors.open("wb") as errors:
            return await asyncio.create_subprocess_exec(
                str(ROOT / ".venv/bin/headgate"),
                "serve",
                "--config",
                str(self.file),
                env=environment(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=errors,
            )

    async def __aenter__(self):
        self.process = await self.start()
        self.http = aiohttp.ClientSession(headers={"x-api-key": KEY})
        async with asyncio.timeout(20):
            while await self.ready() is None:
                assert self.process.returncode is None, self.errors.read_text()
        return self

    async def __aexit__(self, *_):
        await self.http.close()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def ready(self):
        """The status of readiness, None where nobody answers."""
        try:
            async with self.http.get(f"http://127.0.0.1:{self.admin}/readyz") as answer:
                return answer.status
        except aiohttp.ClientConnectionError:
            return None

    def post(self, prompt):
        body = {"model": "claude-sonnet-5-5", "max_tokens": 500, "stream": True}
        body["messages"] = [{"role": "user", "content": prompt}]
        return self.http.post(f"http://127.0.0.1:{self.port}/v1/messages", json=body)

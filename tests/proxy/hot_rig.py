"""A proxy whose configuration file is changed under it, in front of workers that take anything."""

import json
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp
import yaml

from proxy.access_log import AccessLog
from proxy.app import App
from proxy.config import load
from tests.e2e.rig import KEY, Lines
from tests.proxy.raw_worker import RawWorker, whole

ANSWER = whole(json.dumps({"type": "message", "usage": {}}).encode())


@dataclass
class Hot:
    """The proxy, its file, and a client; `config` is what the file says."""

    file: Path
    app: App
    http: aiohttp.ClientSession
    config: dict = field(default_factory=dict)

    def write(self, **changes):
        self.config |= changes
        self.file.write_text(yaml.safe_dump(self.config))

    async def take(self, **changes):
        """Change the file and have it taken in."""
        self.write(**changes)
        return await self.app.reloader.reload("test")

    def post(self, session="s", key=KEY, **body):
        asked = {"model": "claude-opus-4-1", "max_tokens": 9, "messages": [], **body}
        headers = {"x-session-id": session, "x-api-key": key}
        url = f"http://127.0.0.1:{self.app.data_port}/v1/messages"
        return self.http.post(url, json=asked, headers=headers)

    async def ask(self, session="s", key=KEY):
        """One question: the account that answered, or the status of a refusal."""
        async with self.post(session, key) as answer:
            await answer.read()
            return answer.headers.get("x-headgate-account", answer.status)

    async def spread(self, count=40):
        """Which account each of many sessions is on."""
        return {f"s{n}": await self.ask(f"s{n}") for n in range(count)}

    async def operate(self, method, path, **options):
        """One call of the admin port: the status and the JSON."""
        headers = {"content-type": "application/json", **options.pop("headers", {})}
        url = f"http://127.0.0.1:{self.app.admin_port}{path}"
        async with self.http.request(method, url, headers=headers, **options) as answer:
            return answer.status, json.loads(await answer.read())


def plain(name, worker, **more):
    """An account that is a Messages API itself."""
    return {"name": name, "url": worker.url, "headers": {"x-api-key": f"key-of-{name}"}, **more}


@asynccontextmanager
async def hot(folder, *accounts, **config):
    """A proxy that can reload."""
    file = folder / "headgate.yaml"
    base = {
        "listen": "127.0.0.1:0",
        "admin": {"listen": "127.0.0.1:0"},
        "state_file": None,
        "clients": [{"name": "alice", "key": KEY}],
        "accounts": list(accounts),
        "expose_account": True,
    } | config
    file.write_text(yaml.safe_dump(base))
    async with AsyncExitStack() as stack:
        app = App(load(file), AccessLog(Lines()), read=partial(load, file))
        await stack.enter_async_context(app)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield Hot(file, app, http, base)


@asynccontextmanager
async def workers(count):
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(RawWorker(ANSWER)) for _ in range(count)]


async def becomes(true, seconds=20):
    """Ask again and again until it is so."""
    deadline = time.monotonic() + seconds
    while not (found := await true()):
        assert time.monotonic() < deadline
    return found

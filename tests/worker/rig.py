"""A worker around an engine that does as it is told, on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import msgspec
from aiohttp import web

from worker.api.parts import PARTS, Parts
from worker.app import make_runner
from worker.config import ApiSettings, parse
from worker.core.state import EngineState, Login, Slots
from worker.engines.api import ApiEngine
from worker.engines.base import Event, Model, TokenCount, Turn

BASE = {
    "account": "alice",
    "listen": "127.0.0.1:0",
    "engine": "api",
    "api": {"url": "http://127.0.0.1:1"},
}
FAST = {"connect": 1, "first_byte": 0.5, "stream_idle": 0.5}
ASK = {"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def event(name: str, **fields: object) -> Event:
    return Event(name, msgspec.json.encode({"type": name, **fields}))


def text(words: str) -> Event:
    delta = {"type": "text_delta", "text": words}
    return event("content_block_delta", index=0, delta=delta)


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}
START = event("message_start", message=MESSAGE)
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
STOP = event("message_stop")
END = (
    event("content_block_stop", index=0),
    event(
        "message_delta",
        delta={"stop_reason": "end_turn", "stop_sequence": None},
        usage={"output_tokens": 2},
    ),
    STOP,
)
HELLO = (START, BLOCK, text("hello"), *END)

Step = Event | BaseException | asyncio.Event


@dataclass
class Scripted:
    """An engine whose turns take the steps of `script`: give an event, fail, or wait."""

    script: tuple[Step, ...] = HELLO
    state_now: EngineState = field(
        default_factory=lambda: EngineState(ready=True, login=Login(ok=True), slots=Slots(2, 0))
    )
    answer: bytes | BaseException = b'{"type":"message"}'
    count: TokenCount = field(default_factory=lambda: TokenCount(7))
    turns: list[Turn] = field(default_factory=list)
    forgotten: list[tuple[str, str]] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    name: str = "scripted"

    async def start(self) -> None:
        self.stopped.clear()

    async def stop(self) -> None:
        self.stopped.set()

    @asynccontextmanager
    async def turn(self, turn: Turn) -> AsyncIterator[AsyncIterator[Event]]:
        self.turns.append(turn)
        self.begun.set()
        try:
            yield self._steps()
        finally:
            self.left.set()

    async def message(self, turn: Turn) -> bytes:
        self.turns.append(turn)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    async def count_tokens(self, turn: Turn) -> TokenCount:
        self.turns.append(turn)
        return self.count

    async def models(self) -> list[Model]:
        return [Model("claude-x", "Claude X"), Model("claude-y", "Claude Y")]

    def forget(self, client: str, session: str) -> None:
        self.forgotten.append((client, session))

    def state(self) -> EngineState:
        return self.state_now

    async def _steps(self) -> AsyncIterator[Event]:
        for step in self.script:
            match step:
                case Event():
                    yield step
                case asyncio.Event():
                    await step.wait()
                case _:
                    raise step


class Served:
    """A worker on loopback and a client of it."""

    def __init__(self, url: str, parts: Parts, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.parts = parts
        self.session = session

    def post(self, body: object = None, path: str = "/v1/messages", **kwargs):
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body or ASK)
        return self.session.post(self.url + path, data=raw, **kwargs)

    def get(self, path: str, **kwargs):
        return self.session.get(self.url + path, **kwargs)


@asynccontextmanager
async def serving(engine, host: str = "127.0.0.1", **settings) -> AsyncIterator[Served]:
    """Serve an engine for the length of a test."""
    runner = make_runner(parse(BASE | settings, {}), engine)
    async with AsyncExitStack() as stack:
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host, 0).start()
        session = await stack.enter_async_context(aiohttp.ClientSession())
        port = runner.addresses[0][1]
        yield Served(f"http://{host}:{port}", runner.app[PARTS], session)


async def until_cut(answer) -> tuple[bytes, bool]:
    """All that came, and whether the body ended as a body should."""
    received = b""
    try:
        async for chunk in answer.content.iter_any():
            received += chunk
    except aiohttp.ClientPayloadError:
        return received, False
    return received, True


@asynccontextmanager
async def worker_of(url: str, key: str = "sim-alice", **api) -> AsyncIterator[Served]:
    """Serve a Messages API by key."""
    engine = ApiEngine(ApiSettings(**{"url": url, "key": key, "timeouts": FAST} | api))
    await engine.start()
    try:
        async with serving(engine) as served:
            yield served
    finally:
        await engine.stop()

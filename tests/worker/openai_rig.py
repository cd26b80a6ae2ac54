"""An OpenAI-style upstream on loopback that answers as it is told, and a worker in front of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from tests.worker.rig import Served, serving
from worker.config import OpenaiSettings
from worker.engines.openai import OpenaiEngine

BRISK = {"connect": 2, "first_byte": 1.5, "stream_idle": 1.5}
USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 3,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 5},
}


def chunk(finish: str | None = None, **delta: object) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}


def counted(**usage: object) -> dict[str, object]:
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": usage}


def completion(finish: str = "stop", **said: object) -> dict[str, object]:
    choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": USAGE}


def call(index: int | None, name: str | None = None, arguments: str = "", **more: object):
    told = {"function": {"name": name, "arguments": arguments}, **more}
    return told if index is None else {"index": index, **told}


HELLO = (
    chunk(role="assistant", content=""),
    chunk(content="hel"),
    chunk(content="lo"),
    chunk("stop"),
    counted(**USAGE),
    "[DONE]",
)

Step = dict[str, object] | str | asyncio.Event


class Upstream:
    """What it answers: a status with a body, or with status 200 the steps of a stream.

    A step is a chunk, raw data, `cut`, or an event to wait for. `calls` are the requests it got.
    """

    url: str

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: object = completion(content="hello")
        self.steps: tuple[Step, ...] = HELLO
        self.calls: list[dict[str, object]] = []
        self.requests: list[web.Request] = []
        self.left = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.calls.append(asked := msgspec.json.decode(await request.read()))
        if self.status == 200 and asked["stream"]:
            return await self._stream(request)
        return web.json_response(self.body, status=self.status, headers=self.headers)

    async def list_models(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        return web.json_response({"object": "list", "data": [{"id": "llama"}, {"id": "qwen"}]})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"} | self.headers)
        await response.prepare(request)
        try:
            for step in self.steps:
                await self._step(request, response, step)
        except asyncio.CancelledError:
            self.left.set()
            raise
        return response

    async def _step(self, request: web.Request, response: web.StreamResponse, step: Step) -> None:
        match step:
            case asyncio.Event():
                await step.wait()
            case "cut":
                request.transport.close()
            case str():
                await response.write(f"data: {step}\n\n".encode())
            case _:
                await response.write(b"data: %b\n\n" % msgspec.json.encode(step))


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    """Serve one for the length of a test."""
    server = Upstream()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    for prefix in ("/v1", "/openai/deployments/{model}"):
        app.router.add_post(f"{prefix}/chat/completions", server.answer)
    app.router.add_get("/v1/models", server.list_models)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def worker_of_openai(url: str, **settings: object) -> AsyncIterator[Served]:
    """Serve such an upstream."""
    engine = OpenaiEngine(OpenaiSettings(**{"url": url, "timeouts": BRISK} | settings))
    await engine.start()
    try:
        async with serving(engine) as served:
            yield served
    finally:
        await engine.stop()

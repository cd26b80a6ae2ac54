"""A provider of our own on loopback, asked by the self-test and by nobody else."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from aiohttp import web

_RESET: Final = "4102444800"
_LIMITS: Final = {
    "anthropic-ratelimit-unified-status": "allowed",
    "anthropic-ratelimit-unified-reset": _RESET,
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
    **{
        f"anthropic-ratelimit-unified-{window}-{name}": value
        for window in ("5h", "7d")
        for name, value in (("status", "allowed"), ("reset", _RESET), ("utilization", "0.01"))
    },
}
_USAGE: Final = {"input_tokens": 1, "output_tokens": 1}


class FakeProvider:
    """Calls the first tool that it is offered, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, object]] = []
        self.url = ""

    async def message(self, request: web.Request) -> web.Response:
        body: dict[str, object] = msgspec.json.decode(await request.read())
        self.asked.append(body)
        return web.Response(
            body=b"".join(_events(body)), content_type="text/event-stream", headers=_LIMITS
        )


@asynccontextmanager
async def fake_provider() -> AsyncIterator[FakeProvider]:
    """Serve one on a free port of this machine."""
    provider = FakeProvider()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/v1/messages", provider.message)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield provider
    finally:
        await runner.cleanup()


def _events(body: Mapping[str, object]) -> list[bytes]:
    tools = body.get("tools")
    name = tools[0].get("name") if isinstance(tools, list) and tools else None
    block = (
        {"type": "tool_use", "id": "toolu_selftest", "name": name, "input": {}}
        if name
        else {"type": "text", "text": "ready"}
    )
    message = {"id": "msg_selftest", "type": "message", "role": "assistant", "content": []}
    head = {"model": body.get("model"), "stop_reason": None, "usage": _USAGE}
    ending = {"stop_reason": "tool_use" if name else "end_turn", "stop_sequence": None}
    return [
        _event("message_start", message=message | head),
        _event("content_block_start", index=0, content_block=block),
        _event("content_block_stop", index=0),
        _event("message_delta", delta=ending, usage=_USAGE),
        _event("message_stop"),
    ]


def _event(name: str, **fields: object) -> bytes:
    data = msgspec.json.encode({"type": name, **fields})
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)

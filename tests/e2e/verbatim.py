"""A provider that says exactly what it is told to say, cut wherever a test wants it cut."""

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Self

from aiohttp import web


def parts(whole, size):
    """Slices of that size."""
    return [whole[start : start + size] for start in range(0, len(whole), size)]


@dataclass
class Verbatim:
    """Streams `text` in deltas of so many characters and writes of so many bytes.

    Where `call` is set the answer is one call of the first tool, with that input, instead.
    """

    text: str = ""
    call: dict | None = None
    delta: int = 1
    write: int = 1
    escaped: bool = False
    bodies: list[dict] = field(default_factory=list)
    headers: list[dict] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/messages", self._answer)
        self._ids = count()
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def says(self, text: str, *, delta: int = 1, write: int = 1, escaped: bool = False) -> None:
        self.text, self.call = text, None
        self.delta, self.write, self.escaped = delta, write, escaped

    def calls(self, given: dict) -> None:
        self.says(json.dumps(given, ensure_ascii=False), delta=7, write=1009)
        self.call = given

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for part in parts(b"".join(self._events(self.bodies[-1])), self.write):
            await response.write(part)
        await response.write_eof()
        return response

    def _events(self, asked):
        usage = {"input_tokens": 3, "output_tokens": 1}
        head = {"id": f"msg_{next(self._ids)}", "type": "message", "role": "assistant"}
        head |= {"model": asked["model"], "content": [], "usage": usage}
        head |= {"stop_reason": None, "stop_sequence": None}
        yield self._event("message_start", message=head)
        block, kind, name = {"type": "text", "text": ""}, "text_delta", "text"
        if self.call is not None:
            block = {"type": "tool_use", "id": f"toolu_{next(self._ids)}", "input": {}}
            block["name"] = asked["tools"][0]["name"]
            kind, name = "input_json_delta", "partial_json"
        yield self._event("content_block_start", index=0, content_block=block)
        for part in parts(self.text, self.delta):
            yield self._event("content_block_delta", index=0, delta={"type": kind, name: part})
        yield self._event("content_block_stop", index=0)
        ending = {"stop_reason": "end_turn" if self.call is None else "tool_use"}
        yield self._event("message_delta", delta=ending, usage={"output_tokens": 9})
        yield self._event("message_stop")

    def _event(self, name, **fields):
        data = json.dumps({"type": name, **fields}, ensure_ascii=self.escaped)
        return f"event: {name}\ndata: {data}\n\n".encode()

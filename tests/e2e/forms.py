"""The forms in which a worker can be asked: every dialect, whole or as a stream."""

import asyncio
from dataclasses import dataclass
from itertools import product

from tests.e2e.rig import MODEL
from tests.e2e.streaming import read


@dataclass(frozen=True)
class Dialect:
    """Where it is spoken, and how its streams begin their one error and end well."""

    path: str
    prompt: str
    error: bytes
    end: bytes

    def ask(self, prompt, *, stream):
        messages = [{"role": "user", "content": prompt}]
        return {"model": MODEL, "stream": stream, self.prompt: messages}


MESSAGES = Dialect("/v1/messages", "messages", b"event: error\n", b"event: message_stop\n")
CHAT = Dialect("/v1/chat/completions", "messages", b'data: {"error":', b"data: [DONE]\n")
RESPONSES = Dialect("/v1/responses", "input", b"event: error\n", b"event: response.completed\n")
FORMS = tuple(product((MESSAGES, CHAT, RESPONSES), (False, True)))


@dataclass(frozen=True)
class Told:
    """An answer as it came: its verdict headers, its bytes, and whether they ended cleanly."""

    dialect: Dialect
    streamed: bool
    status: int
    headers: dict
    body: bytes
    clean: bool

    @property
    def verdict(self):
        return tuple(self.headers.get(f"x-headgate-{n}") for n in ("verdict", "scope", "started"))


async def ask(http, prompt, dialect, *, stream, **more):
    """One answer of a worker in one form."""
    body = {"max_tokens": 200, **dialect.ask(prompt, stream=stream), **more}
    async with http.post(dialect.path, json=body) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Told(dialect, stream, answer.status, headers, *await read(answer))


async def ask_in(forms, http, prompt):
    """The same question in these forms at once."""
    asked = [ask(http, prompt, dialect, stream=stream) for dialect, stream in forms]
    return await asyncio.gather(*asked)

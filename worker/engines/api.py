"""The engine of a Messages API by key: requests go out as they came, events come back as sent."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Final

import msgspec

from worker.config import ApiSettings
from worker.core.state import EngineState
from worker.engines.account import Account, Clock
from worker.engines.base import Event, Model, TokenCount, Turn
from worker.engines.failures import broken, refused
from worker.engines.judge import Judge, events_of
from worker.engines.upstream import Answer, Upstream

_VERSION: Final = {"anthropic-version": "2023-06-01"}


class _Message(msgspec.Struct, tag="message"):
    """Enough of a message to tell that it is one."""


class _Named(msgspec.Struct):
    type: str


class _Count(msgspec.Struct):
    input_tokens: int


class _Models(msgspec.Struct):
    data: list[Model]


class ApiEngine:
    """Serves every turn by one request to a Messages API."""

    name = "api"

    def __init__(self, settings: ApiSettings, clock: Clock = time.time) -> None:
        key = {"x-api-key": settings.key} if settings.key else {}
        self._url = settings.url.rstrip("/")
        self._upstream = Upstream(key | dict(settings.headers), settings.timeouts)
        self._counting = asyncio.Semaphore(settings.concurrency)
        self._account = Account(settings.concurrency, clock)
        self._judge = Judge(self._account, refused)

    async def start(self) -> None:
        await self._upstream.open()

    async def stop(self) -> None:
        await self._upstream.close()

    @asynccontextmanager
    async def turn(self, turn: Turn) -> AsyncIterator[AsyncIterator[Event]]:
        with self._account.running(turn):
            async with self._asked("/v1/messages", turn) as answer:
                await self._judge.accept(answer, "text/event-stream")
                async with aclosing(self._events(answer, turn)) as events:
                    yield events

    async def message(self, turn: Turn) -> bytes:
        with self._account.running(turn):
            async with self._asked("/v1/messages", turn) as answer:
                begun = self._account.clock()
                body, _ = await self._judge.whole(answer, _Message)
                self._account.served(turn, begun)
                return body

    async def count_tokens(self, turn: Turn) -> TokenCount:
        async with self._counting, self._asked("/v1/messages/count_tokens", turn) as answer:
            _, count = await self._judge.whole(answer, _Count)
            return TokenCount(count.input_tokens)

    async def models(self) -> Sequence[Model]:
        url = f"{self._url}/v1/models?limit=1000"
        async with self._upstream.exchange(url, _VERSION) as answer:
            _, found = await self._judge.whole(answer, _Models)
            return found.data

    def forget(self, client: str, session: str) -> None:
        """Nothing is kept between turns."""

    def state(self) -> EngineState:
        return self._account.state(is_open=self._upstream.is_open)

    def _asked(self, path: str, turn: Turn) -> AbstractAsyncContextManager[Answer]:
        headers = _VERSION | dict(turn.headers) | {"x-request-id": turn.id}
        return self._upstream.exchange(self._url + path, headers, turn.raw)

    async def _events(self, answer: Answer, turn: Turn) -> AsyncGenerator[Event, None]:
        """Pass events on up to `message_stop`; any other end is a failure."""
        begun = self._account.clock()
        started = False
        with self._account.noting(turn):
            async with aclosing(events_of(answer)) as events:
                async for named, data in events:
                    name = named or _type_of(data)
                    if name == "error":
                        raise self._judge.failure(answer, data, started=started)
                    started = True
                    yield Event(name, data.replace(b"\n", b" "))
                    if name == "message_stop":
                        self._account.served(turn, begun)
                        await answer.ended()
                        return
            raise broken("the provider's stream has no end")


def _type_of(data: bytes) -> str:
    """Some providers leave the name of an event to its data."""
    try:
        return msgspec.json.decode(data, type=_Named).type
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "message"

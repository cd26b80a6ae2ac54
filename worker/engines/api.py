"""The engine of a Messages API by key: requests go out as they came, events come back as sent."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Final, TypeVar

import msgspec

from worker.config import ApiSettings
from worker.core.sse import EventReader
from worker.core.standing import Standing
from worker.core.state import EngineState, Login, Slots
from worker.core.verdict import Kind
from worker.engines.base import Event, Model, TokenCount, Turn, TurnFailedError
from worker.engines.failures import broken, refused
from worker.engines.upstream import Answer, Upstream

_OK: Final = 200
_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of one answer or one event: more than any message has."""


class _Message(msgspec.Struct, tag="message"):
    """Enough of a message to tell that it is one."""


class _Named(msgspec.Struct):
    type: str


class _Count(msgspec.Struct):
    input_tokens: int


class _Models(msgspec.Struct):
    data: list[Model]


Shape = TypeVar("Shape", _Message, _Count, _Models)


class ApiEngine:
    """Serves every turn by one request to a Messages API."""

    name = "api"

    def __init__(self, settings: ApiSettings, clock: Callable[[], float] = time.time) -> None:
        self._slots = settings.concurrency
        self._clock = clock
        self._upstream = Upstream(settings)
        self._counting = asyncio.Semaphore(settings.concurrency)
        self._standing = Standing()
        self._busy = 0

    async def start(self) -> None:
        await self._upstream.open()

    async def stop(self) -> None:
        await self._upstream.close()

    @asynccontextmanager
    async def turn(self, turn: Turn) -> AsyncIterator[AsyncIterator[Event]]:
        with self._running(turn):
            async with self._upstream.exchange("/v1/messages", turn) as answer:
                await self._accept(answer, "text/event-stream")
                async with aclosing(self._events(answer, turn)) as events:
                    yield events

    async def message(self, turn: Turn) -> bytes:
        with self._running(turn):
            async with self._upstream.exchange("/v1/messages", turn) as answer:
                begun = self._clock()
                body, _ = await self._whole(answer, _Message)
                self._standing = self._standing.served(begun)
                return body

    async def count_tokens(self, turn: Turn) -> TokenCount:
        async with (
            self._counting,
            self._upstream.exchange("/v1/messages/count_tokens", turn) as answer,
        ):
            _, count = await self._whole(answer, _Count)
            return TokenCount(count.input_tokens)

    async def models(self) -> Sequence[Model]:
        async with self._upstream.exchange("/v1/models?limit=1000") as answer:
            _, found = await self._whole(answer, _Models)
            return found.data

    def state(self) -> EngineState:
        limit = self._standing.limit_at(self._clock())
        barred = limit is not None and limit.kind is Kind.AUTH
        reason = "auth" if barred else None if self._upstream.is_open else "starting"
        return EngineState(
            ready=reason is None,
            reason=reason,
            login=Login(ok=not barred),
            slots=Slots(self._slots, self._busy),
            windows=self._standing.windows,
            limit=None if barred else limit,
        )

    @contextmanager
    def _running(self, turn: Turn) -> Iterator[None]:
        self._busy += 1
        try:
            with self._noting(turn):
                yield
        finally:
            self._busy -= 1

    @contextmanager
    def _noting(self, turn: Turn) -> Iterator[None]:
        """Learn from a failure; learning the same twice changes nothing."""
        try:
            yield
        except TurnFailedError as error:
            self._standing = self._standing.failed(error.verdict, turn.model, self._clock())
            raise

    async def _accept(self, answer: Answer, content_type: str) -> None:
        """Go on with a success of that type; raise what anything else means."""
        self._standing = self._standing.answered(answer.headers, self._clock())
        if (answer.status, answer.content_type, answer.plain) == (_OK, content_type, True):
            return
        body = b""
        with suppress(TurnFailedError):
            body = await answer.body(_LIMIT)
        raise self._failure(answer, body)

    async def _whole(self, answer: Answer, shape: type[Shape]) -> tuple[bytes, Shape]:
        await self._accept(answer, "application/json")
        body = await answer.body(_LIMIT)
        try:
            return body, msgspec.json.decode(body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise self._failure(answer, body) from exc

    def _failure(self, answer: Answer, body: bytes, *, started: bool = False) -> TurnFailedError:
        failure = refused(answer.status, answer.headers, body, self._clock())
        if failure is None:
            return broken(f"the provider's answer ({answer.status}) makes no sense")
        failure.verdict = replace(failure.verdict, started=failure.verdict.started or started)
        return failure

    async def _events(self, answer: Answer, turn: Turn) -> AsyncGenerator[Event, None]:
        """Pass events on up to `message_stop`; any other end is a failure."""
        begun = self._clock()
        started = False
        with self._noting(turn):
            async with aclosing(_split(answer)) as events:
                async for event in events:
                    if event.name == "error":
                        raise self._failure(answer, event.data, started=started)
                    started = True
                    yield event
                    if event.name == "message_stop":
                        self._standing = self._standing.served(begun)
                        await answer.ended()
                        return
            raise broken("the provider's stream has no end")


async def _split(answer: Answer) -> AsyncGenerator[Event, None]:
    reader = EventReader(_LIMIT)
    async with aclosing(answer.chunks()) as chunks:
        async for chunk in chunks:
            try:
                events = tuple(reader.feed(chunk))
            except ValueError as exc:
                raise broken("the provider's stream makes no sense") from exc
            for name, data in events:
                yield Event(name or _type_of(data), data.replace(b"\n", b" "))


def _type_of(data: bytes) -> str:
    """Some providers leave the name of an event to its data."""
    try:
        return msgspec.json.decode(data, type=_Named).type
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "message"

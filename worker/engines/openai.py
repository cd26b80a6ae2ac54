"""The engine of an OpenAI-style upstream: turns go out and come back as chat completions."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from worker.config import OpenaiSettings
from worker.core.estimate import estimated_tokens
from worker.core.message import assemble
from worker.core.openai_chunk import Chunk, Completion
from worker.core.openai_failure import failure_of_answer
from worker.core.openai_request import Accent, to_chat
from worker.core.openai_stream import ChatReader
from worker.core.prompt import Prompt, decode_prompt
from worker.core.state import EngineState
from worker.engines.account import Account, Clock
from worker.engines.base import Event, Model, TokenCount, Turn, TurnFailedError
from worker.engines.failures import broken
from worker.engines.judge import Judge, events_of
from worker.engines.upstream import Answer, Upstream

_DONE: Final = b"[DONE]"
_chunks: Final = msgspec.json.Decoder(Chunk)


class _Offered(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Offered]


class OpenaiEngine:
    """Serves every turn by one chat completion."""

    name = "openai"

    def __init__(self, settings: OpenaiSettings, clock: Clock = time.time) -> None:
        key = {"authorization": f"Bearer {settings.key}"} if settings.key else {}
        self._settings = settings
        self._accent = Accent(settings.models, settings.max_tokens_field, settings.reasoning_effort)
        self._upstream = Upstream(key | dict(settings.headers), settings.timeouts)
        self._account = Account(settings.concurrency, clock)
        self._judge = Judge(self._account, _refused)

    async def start(self) -> None:
        await self._upstream.open()

    async def stop(self) -> None:
        await self._upstream.close()

    @asynccontextmanager
    async def turn(self, turn: Turn) -> AsyncIterator[AsyncIterator[Event]]:
        prompt = decode_prompt(turn.raw)
        with self._account.running(turn):
            async with self._asked(turn, prompt, stream=True) as answer:
                await self._judge.accept(answer, "text/event-stream")
                async with aclosing(self._events(answer, turn, prompt)) as events:
                    yield events

    async def message(self, turn: Turn) -> bytes:
        prompt = decode_prompt(turn.raw)
        with self._account.running(turn), _sensible():
            async with self._asked(turn, prompt, stream=False) as answer:
                begun = self._account.clock()
                body, completion = await self._judge.whole(answer, Completion)
                if completion.error is not None:
                    raise self._judge.failure(answer, body)
                reader = _reader(turn, prompt)
                frames = [*reader.feed(completion), *_ended(reader)]
                self._account.served(turn, begun)
                return assemble(data for _, data in frames)

    async def count_tokens(self, turn: Turn) -> TokenCount:
        return TokenCount(estimated_tokens(decode_prompt(turn.raw)), estimated=True)

    async def models(self) -> Sequence[Model]:
        """Those of the map; without a map, all that the upstream has."""
        if mapped := self._settings.models:
            return [Model(name, name) for name in mapped]
        async with self._upstream.exchange(self._url("/models"), {}) as answer:
            _, found = await self._judge.whole(answer, _Models)
            return [Model(offered.id, offered.id) for offered in found.data]

    def forget(self, client: str, session: str) -> None:
        """Nothing is kept between turns."""

    def state(self) -> EngineState:
        return self._account.state(is_open=self._upstream.is_open)

    def _asked(
        self, turn: Turn, prompt: Prompt, *, stream: bool
    ) -> AbstractAsyncContextManager[Answer]:
        chat = to_chat(prompt, self._accent, stream=stream)
        url = self._url("/chat/completions", str(chat["model"]))
        return self._upstream.exchange(url, {"x-request-id": turn.id}, msgspec.json.encode(chat))

    def _url(self, path: str, model: str = "") -> str:
        base = self._settings.url.rstrip("/").replace("{model}", quote(model, safe=""))
        query = urlencode(self._settings.query)
        return f"{base}{path}?{query}" if query else base + path

    async def _events(
        self, answer: Answer, turn: Turn, prompt: Prompt
    ) -> AsyncGenerator[Event, None]:
        """Tell the chunks as events. A stream that does not say why it ended is a failure."""
        begun = self._account.clock()
        reader = _reader(turn, prompt)
        with self._account.noting(turn), _sensible():
            async with aclosing(events_of(answer)) as events:
                async for _, data in events:
                    if data == _DONE:
                        break
                    chunk = _chunks.decode(data)
                    if chunk.error is not None:
                        raise self._judge.failure(answer, data, started=reader.begun)
                    for frame in reader.feed(chunk):
                        yield Event(*frame)
            for frame in _ended(reader):
                yield Event(*frame)
            self._account.served(turn, begun)
            await answer.ended()


def _reader(turn: Turn, prompt: Prompt) -> ChatReader:
    return ChatReader(turn.id, turn.model, estimated_tokens(prompt))


def _ended(reader: ChatReader) -> Iterator[tuple[str, bytes]]:
    if not reader.finished:
        raise broken("the provider's answer does not say that it ended")
    return reader.end()


def _refused(
    status: int, headers: Mapping[str, str], body: bytes, now: float
) -> TurnFailedError | None:
    failure = failure_of_answer(status, headers, body, now)
    if failure is None:
        return None
    return TurnFailedError(failure.verdict, failure.status, failure.kind, failure.message)


@contextmanager
def _sensible() -> Iterator[None]:
    """Name the failure of an answer that cannot be read."""
    try:
        yield
    except ValueError as exc:
        raise broken("the provider's answer makes no sense") from exc

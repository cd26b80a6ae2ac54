"""A turn as a stream of server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from aiohttp import web

from worker.api.answers import identity
from worker.api.delivery import cut_on_failure, deliver, deliver_and_cut, patience
from worker.api.parts import PARTS, VERDICT
from worker.api.recording import Recording
from worker.api.voices import Voice
from worker.core.verdict import Kind, Verdict
from worker.engines.base import Event, Turn, TurnFailedError
from worker.errors import ClientGoneError

_BEFORE_CONTENT: Final = frozenset({"message_start", "ping"})


async def stream(
    request: web.Request, turn: Turn, voice: Voice, record: Recording
) -> web.StreamResponse:
    """Answer with the turn's events as they come, in the dialect of that voice.

    Nothing is sent before the first content event, so that an earlier failure is a real status.
    """
    parts = request.app[PARTS]
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with parts.engine.turn(turn) as unchecked:
        events = _to_the_end(record.of(unchecked))
        opening = await _opening(events, voice)
        parts.metrics.first_event(loop.time() - begun)
        head = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        response = web.StreamResponse(headers=head | identity(request))
        with cut_on_failure(request):
            await _answer(_Stream(request, response, voice), opening, events)
    return response


async def _to_the_end(events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """No engine gets away with a stream that merely stops."""
    name = ""
    async for event in events:
        name = event.name
        yield event
    if name != "message_stop":
        verdict = Verdict(Kind.WORKER_ERROR, started=True)
        raise TurnFailedError(verdict, 502, "api_error", "the turn stopped before its end")


async def _opening(events: AsyncIterator[Event], voice: Voice) -> bytes:
    """The events up to the first with content."""
    held = []
    async for event in events:
        held.append(voice.event(event))
        if event.begins or event.name not in _BEFORE_CONTENT:
            break
    return b"".join(held)


async def _answer(stream: "_Stream", opening: bytes, events: AsyncIterator[Event]) -> None:
    try:
        await stream.begin(opening)
        await _relay(stream, events)
    except TurnFailedError as error:
        await stream.fail(error)
    else:
        await stream.finish()


async def _relay(stream: "_Stream", events: AsyncIterator[Event]) -> None:
    """Write what comes, and pings while nothing does."""
    failure: TurnFailedError | ClientGoneError | None = None
    async with asyncio.TaskGroup() as group:
        pings = group.create_task(stream.ping())
        try:
            async for event in events:
                await stream.say(event)
        except (TurnFailedError, ClientGoneError) as error:
            failure = error
        finally:
            pings.cancel()
    if failure is not None:
        raise failure


class _Stream:
    """One client's stream. Whole events are written at once, so pings fit between any two."""

    def __init__(self, request: web.Request, response: web.StreamResponse, voice: Voice) -> None:
        self._request = request
        self._response = response
        self._voice = voice
        self._loop = asyncio.get_running_loop()
        self._written_at = self._loop.time()

    async def begin(self, opening: bytes) -> None:
        async with patience(self._request):
            await self._response.prepare(self._request)
        await self._write(opening)

    async def say(self, event: Event) -> None:
        if said := self._voice.event(event):
            await self._write(said)

    async def _write(self, events: bytes) -> None:
        self._written_at = self._loop.time()
        async with patience(self._request):
            await self._response.write(events)

    async def ping(self) -> None:
        """Break every long silence, until cancelled or the client is gone."""
        longest = self._request.app[PARTS].settings.timeouts.ping
        with suppress(ClientGoneError):
            while True:
                silent = self._loop.time() - self._written_at
                if silent >= longest:
                    await self._write(self._voice.ping)
                await asyncio.sleep(self._written_at + longest - self._loop.time())

    async def finish(self) -> None:
        await deliver(self._request, self._response)

    async def fail(self, error: TurnFailedError) -> None:
        self._request.app[PARTS].metrics.stream_cut(error.verdict.kind.value)
        self._response[VERDICT] = error.verdict.kind
        last_words = self._voice.error(error)
        await deliver_and_cut(self._request, self._response, last_words)

"""Turns on their way into the archive and the counters."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import time
from typing import Final

import msgspec

from worker.api.parts import Parts
from worker.api.voices import Voice
from worker.archive import Exchange
from worker.core.message import MessageBuilder
from worker.engines.base import Event, Turn

_object: Final = msgspec.json.Decoder(dict[str, object])
_ODD: Final = (msgspec.MsgspecError, KeyError, TypeError)


class Recording:
    """Listens to one turn. What it hears is kept once, before the last of it goes out."""

    def __init__(self, parts: Parts, turn: Turn, voice: Voice) -> None:
        self._parts = parts
        self._turn = turn
        self._voice = voice
        self._heard = MessageBuilder()
        self._kept = False

    async def of(self, events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
        """The same events."""
        async for event in events:
            with suppress(*_ODD):
                self._heard.add(event.data)
            if event.name == "message_stop":
                self.end()
            yield event

    def whole(self, message: bytes) -> None:
        """Take an answer that was not streamed."""
        with suppress(*_ODD):
            self._keep(_object.decode(message))

    def partial(self, message: Mapping[str, object]) -> None:
        """Take from the engine what there was of an answer that did not come to its end."""
        with suppress(*_ODD):
            self._keep(message)

    def end(self) -> None:
        """Keep what was heard of the answer, if anything was."""
        with suppress(*_ODD):
            self._keep(self._heard.message())

    def _keep(self, message: Mapping[str, object]) -> None:
        """What never said its id has not begun."""
        told, turn = message.get("id"), self._turn
        if self._kept or not isinstance(told, str):
            return
        self._kept = True
        named = self._voice.answer_id(told)
        asked = {**turn.request, **turn.notes}
        exchange = Exchange(named or told, turn.session, turn.model, time(), asked, message)
        self._parts.archive.keep(turn.client, exchange, content=named is not None)
        self._parts.metrics.tokens_used(turn.model, exchange.usage)


@contextmanager
def recording(parts: Parts, turn: Turn, voice: Voice) -> Iterator[Recording]:
    """Record a turn, however it ends. The work of it is done after the answer is out."""
    record = Recording(parts, turn, voice)
    try:
        yield record
    finally:
        record.end()
        parts.archive.settle()

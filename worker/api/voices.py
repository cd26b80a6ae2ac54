"""How an engine's answers sound in a dialect."""

from typing import Final, Protocol

from worker.api.answers import chat_error, error_event
from worker.core.chat_answer import completion
from worker.core.chat_stream import ChatStream
from worker.core.responses_answer import response
from worker.core.responses_head import Head
from worker.core.responses_stream import ResponseStream
from worker.engines.base import Event
from worker.errors import WorkerError


class Voice(Protocol):
    """Says one answer, whole or as a stream; the bytes of a stream are whole events."""

    @property
    def ping(self) -> bytes:
        """What breaks a silence between two events."""

    def answer_id(self, message: str) -> str | None:
        """Names an answer as its client knows it, after the message's id; None: do not keep it."""

    def whole(self, message: bytes) -> bytes:
        """The JSON answer that says what this message says."""

    def event(self, event: Event) -> bytes:
        """What an event of the turn is to the client; empty if it is nothing."""

    def error(self, error: WorkerError) -> bytes:
        """The last words of a stream that failed."""


class MessagesVoice:
    """The Messages API's own: everything as the engine gives it."""

    ping: Final = b'event: ping\ndata: {"type":"ping"}\n\n'

    def answer_id(self, message: str) -> str:
        return message

    def whole(self, message: bytes) -> bytes:
        return message

    def event(self, event: Event) -> bytes:
        return _event(event.name, event.data)

    def error(self, error: WorkerError) -> bytes:
        return _event("error", error_event(error))


class ChatVoice:
    """That of chat completions; `created` is in epoch seconds."""

    ping: Final = b": ping\n\n"

    def __init__(self, created: int, *, own_usage: bool, json: bool = False) -> None:
        self._created = created
        self._json = json
        self._stream = ChatStream(created, own_usage=own_usage, json=json)

    def answer_id(self, message: str) -> str:
        return message

    def whole(self, message: bytes) -> bytes:
        return completion(message, self._created, json=self._json)

    def event(self, event: Event) -> bytes:
        return b"".join(b"data: %b\n\n" % chunk for chunk in self._stream.feed(event.data))

    def error(self, error: WorkerError) -> bytes:
        return b"data: %b\n\n" % chat_error(error)


class ResponsesVoice:
    """That of responses. What the client does not want stored is not kept."""

    ping: Final = b": ping\n\n"

    def __init__(self, head: Head, *, store: bool) -> None:
        self._head = head
        self._store = store
        self._stream = ResponseStream(head)

    def answer_id(self, _message: str) -> str | None:
        return self._head.id if self._store else None

    def whole(self, message: bytes) -> bytes:
        return response(self._head, message)

    def event(self, event: Event) -> bytes:
        return b"".join(_event(name, data) for name, data in self._stream.feed(event.data))

    def error(self, error: WorkerError) -> bytes:
        return _event(*self._stream.failed(error.kind, error.message))


def _event(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)

"""The events of one message as the events of a response."""

from collections.abc import Iterator

import msgspec

from worker.core.message import Block, MessageBuilder, MessageEvent, decode_event
from worker.core.responses_answer import ending, told
from worker.core.responses_head import Head
from worker.core.responses_item import Event, OpenItem, open_item


class ResponseStream:
    """Takes one message's events in order and gives those of a response, each with its JSON.

    An item is not done before something follows it: only the end of the message tells whether its
    last one was finished.
    """

    def __init__(self, head: Head) -> None:
        self._head = head
        self._builder = MessageBuilder()
        self._sequence = 0
        self._items = 0
        self._output: list[Block] = []
        self._open: OpenItem | None = None

    def feed(self, payload: bytes) -> Iterator[tuple[str, bytes]]:
        """Take the JSON of an event; to be run to its end."""
        self._builder.add(payload)
        return (self._numbered(*event) for event in self._events(decode_event(payload)))

    def failed(self, kind: str, message: str) -> tuple[str, bytes]:
        """The last event of a response that broke; SDKs raise what its `error` says."""
        error: Block = {"code": kind, "message": message, "param": None}
        return self._numbered("error", {**error, "error": {"type": kind, **error}})

    def _events(self, event: MessageEvent) -> Iterator[Event]:
        match event.type:
            case "message_start":
                response = told(self._head, None, [])
                yield "response.created", {"response": response}
                yield "response.in_progress", {"response": response}
            case "content_block_start":
                yield from self._close("completed")
                yield from self._begin(event.index, event.content_block)
            case "content_block_delta" if self._open and self._open.block == event.index:
                yield from self._open.add(event.delta)
            case "message_delta" if event.delta.get("stop_reason"):
                yield from self._close(ending(event.delta))
            case "message_stop":
                yield from self._end()

    def _begin(self, index: int, block: Block) -> Iterator[Event]:
        self._open = open_item(self._head, self._items, index, block)
        if self._open:
            self._items += 1
            yield from self._open.begin(block)

    def _close(self, status: str) -> Iterator[Event]:
        if self._open:
            yield from self._open.end(self._builder.block(self._open.block), status)
            self._output.append(self._open.done)
        self._open = None

    def _end(self) -> Iterator[Event]:
        message = self._builder.message()
        ended = ending(message)
        yield from self._close(ended)
        yield f"response.{ended}", {"response": told(self._head, message, self._output)}

    def _numbered(self, name: str, fields: Block) -> tuple[str, bytes]:
        data = {"type": name, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return name, msgspec.json.encode(data)

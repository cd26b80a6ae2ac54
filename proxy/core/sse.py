"""Watches a stream of server-sent events go by: has it content, did it fail, did it end?"""

from typing import Final

from proxy.core.dialect import Dialect
from proxy.core.events import meaning
from proxy.core.evidence import is_failure
from proxy.core.usage import Usage

KEPT: Final = {Dialect.MESSAGES: 16_384, Dialect.CHAT: 16_384, Dialect.RESPONSES: 65_536}
"""Bytes of an event that are kept until it is whole: enough for every event that matters."""

PLAIN: Final = {
    Dialect.MESSAGES: b"event: content_block_delta\ndata: {",
    Dialect.CHAT: b"data: {",
    Dialect.RESPONSES: b"event: response.output_",
}
"""How the events begin of which there are many, and nothing to learn once content was seen."""

CR: Final = 13
CHUNK_LINES: Final = 2
"""Line feeds of a nameless event; a named one has one more."""

UNEXPLAINED: Final = b'{"type":"error","error":{"type":"api_error","message":"The stream failed."}}'


class StreamScanner:
    """Follows the payload of one stream, however it is cut into pieces.

    `failure` is the data of the first error event (a stand-in where that is not readable);
    `failure_first` says that no content came before it. `terminal` is true once the stream's own
    last event was seen.
    """

    __slots__ = (
        "_cr",
        "_dialect",
        "_easy",
        "_held",
        "_kept",
        "_line_ended",
        "_lines",
        "_plain",
        "content",
        "failure",
        "failure_first",
        "terminal",
        "usage",
    )

    def __init__(self, dialect: Dialect) -> None:
        self.content = False
        self.terminal = False
        self.failure: bytes | None = None
        self.failure_first = False
        self.usage = Usage()
        self._dialect = dialect
        self._kept = KEPT[dialect]
        self._plain = PLAIN[dialect]
        self._lines = CHUNK_LINES if dialect is Dialect.CHAT else CHUNK_LINES + 1
        self._held = bytearray()
        self._easy = False
        self._cr = False
        self._line_ended = False

    @property
    def between_events(self) -> bool:
        """True where something may be put in without breaking an event."""
        return not self._held

    def feed(self, payload: bytes) -> None:
        """Take the next piece of the stream."""
        if (
            self._easy
            and payload.startswith(self._plain)
            and payload.endswith(b"}\n\n")
            and payload.count(b"\n") == self._lines
            and CR not in payload
            and (self._lines != CHUNK_LINES or _is_plain_chunk(payload))
        ):
            return
        self._scan(self._unified(payload))
        self._easy = self.content and not self._held and not self._cr

    def _unified(self, payload: bytes) -> bytes:
        """End every line with one line feed; the LF of a CR at the very end may come later."""
        if not payload:
            return payload
        if self._cr and payload.startswith(b"\n"):
            payload = payload[1:]
        self._cr = payload.endswith(b"\r")
        if CR in payload:
            payload = payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return payload

    def _scan(self, payload: bytes) -> None:
        if self._line_ended and payload.startswith(b"\n"):
            self._end_event(b"")
            payload = payload[1:]
        *blocks, rest = payload.split(b"\n\n")
        for block in blocks:
            if self._held or not self._is_plain(block):
                self._end_event(block)
        self._hold(rest)

    def _hold(self, rest: bytes) -> None:
        if not self._held:
            rest = rest.lstrip(b"\n")
        if rest:
            self._held += rest[: self._kept - len(self._held)]
            self._line_ended = rest.endswith(b"\n")

    def _end_event(self, block: bytes) -> None:
        self._hold(block)
        event = bytes(self._held)
        self._held.clear()
        self._line_ended = False
        if event:
            self._learn(*_fields(event))

    def _is_plain(self, event: bytes) -> bool:
        return (
            self.content
            and event.startswith(self._plain)
            and event.count(b"\n") == self._lines - 2
            and (self._lines != CHUNK_LINES or _is_plain_chunk(event))
        )

    def _learn(self, name: bytes, data: bytes) -> None:
        found = meaning(self._dialect, name, data)
        if found.failure and self.failure is None:
            self.failure = data if is_failure(data) else UNEXPLAINED
            self.failure_first = not self.content
        if found.tokens is not None:
            self.usage = found.tokens.added_to(self.usage)
        self.content = self.content or found.content
        self.terminal = self.terminal or found.terminal


def _is_plain_chunk(chunk: bytes) -> bool:
    """Has neither a usage report nor an error; both words may also stand in quoted text."""
    return chunk.find(b'"error"') < 0 and (
        chunk.find(b'"usage"') < 0 or chunk.find(b'"usage":null') >= 0
    )


def _fields(event: bytes) -> tuple[bytes, bytes]:
    """The last name and the joined data of an event."""
    name, data = b"", []
    for line in event.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value
        elif field == b"data":
            data.append(value)
    return name, b"\n".join(data)

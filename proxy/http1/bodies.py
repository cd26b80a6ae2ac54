"""Bodies, decoded as they come: what is payload, and where the message ends (RFC 9112, 6 and 7)."""

import re
from typing import Final, Protocol

from proxy.http1.messages import Framing, FramingError

MAX_SIZE_LINE: Final = 256
MAX_TRAILERS: Final = 8192
LAST_CHUNK: Final = b"0\r\n\r\n"

_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t -~\x80-\xff]*)?\r\n")
_TRAILER_LINE: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n")


class Decoder(Protocol):
    """Takes a message's bytes after its head, until `done`; `rest` is what came after its end."""

    done: bool
    rest: bytes
    ends_at_eof: bool

    def feed(self, data: bytes) -> bytes:
        """The payload that `data` carries."""


class LengthDecoder:
    """A body of a declared length; zero is the body of a message that has none."""

    __slots__ = ("_left", "done", "rest")
    ends_at_eof = False

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self.done, self._left = True, 0
        if left == 0:
            return data
        self.rest += data[left:]
        return data[:left]


class CloseDecoder:
    """A body that lasts until the connection ends."""

    __slots__ = ("done", "rest")
    ends_at_eof = True

    def __init__(self) -> None:
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        return data


class ChunkedDecoder:
    """A chunked body. Extensions and trailers are checked, bounded and dropped."""

    __slots__ = ("_ending", "_left", "_line", "_trailers", "done", "rest")
    ends_at_eof = False

    def __init__(self) -> None:
        self._left = 0  # payload of the open chunk that is still to come
        self._ending = 0  # bytes of its line end that are still to come
        self._line = b""
        self._trailers = -1  # their bytes so far; negative before the last chunk
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        parts: list[bytes] = []
        at = 0
        if not (self._left or self._ending or self._line) and self._trailers < 0:
            at = _whole_chunks(data, parts)
        while at < len(data) and not self.done:
            if self._left:
                at = self._payload(data, at, parts)
            elif self._ending:
                at = self._line_end(data, at)
            else:
                at = self._read_line(data, at)
        if self.done:
            self.rest += data[at:]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _payload(self, data: bytes, at: int, parts: list[bytes]) -> int:
        payload = data[at : at + self._left]
        parts.append(payload)
        self._left -= len(payload)
        return at + len(payload)

    def _line_end(self, data: bytes, at: int) -> int:
        if data[at] != b"\n\r"[self._ending - 1]:
            raise FramingError(400, "A chunk is not as long as its size.")
        self._ending -= 1
        return at + 1

    def _read_line(self, data: bytes, at: int) -> int:
        """Take a size line, or a line of the trailers, as far as `data` has it."""
        end = data.find(b"\n", at) + 1 or len(data)
        line = self._line + data[at:end]
        if len(line) > (MAX_SIZE_LINE if self._trailers < 0 else MAX_TRAILERS):
            raise FramingError(400, "A chunk line is too long.")
        if not line.endswith(b"\n"):
            self._line = line
            return end
        self._line = b""
        if self._trailers < 0:
            self._open_chunk(line)
        else:
            self._trailer(line)
        return end

    def _open_chunk(self, line: bytes) -> None:
        found = _SIZE_LINE.fullmatch(line)
        if found is None:
            raise FramingError(400, "Invalid chunk size.")
        size = int(found[1], 16)
        if size:
            self._left, self._ending = size, 2
        else:
            self._trailers = 0

    def _trailer(self, line: bytes) -> None:
        self._trailers += len(line)
        if line == b"\r\n":
            self.done = True
        elif self._trailers > MAX_TRAILERS or not _TRAILER_LINE.fullmatch(line):
            raise FramingError(400, "Invalid trailers.")


def decoder_for(framing: Framing, length: int | None) -> Decoder:
    """The decoder that finds the end of a body framed so."""
    match framing:
        case Framing.LENGTH:
            return LengthDecoder(length or 0)
        case Framing.NONE:
            return LengthDecoder(0)
        case Framing.CHUNKED:
            return ChunkedDecoder()
        case Framing.CLOSE:
            return CloseDecoder()


def chunk(payload: bytes) -> bytes:
    """One chunk. An empty one would end the body: never ask for it."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def _whole_chunks(data: bytes, parts: list[bytes]) -> int:
    """Take the chunks that lie whole at the start, as events mostly do; where the last ends."""
    at = 0
    while found := _SIZE_LINE.match(data, at):
        start = found.end()
        end = start + int(found[1], 16)
        if end == start or data[end : end + 2] != b"\r\n":
            break
        parts.append(data[start:end])
        at = end + 2
    return at

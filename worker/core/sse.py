"""Server-sent events out of bytes that may be split anywhere."""

import re
from collections.abc import Iterator
from typing import Final

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


class EventReader:
    """Splits a stream into `(name, data)`; data of several lines is joined as the standard says.

    Lines end in LF, CRLF or CR. An event beyond `limit` bytes raises `ValueError`.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._after_cr = False
        self._line: list[bytes] = []
        self._name = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        """Give the events that this chunk completes; to be run to its end."""
        text = chunk[1:] if self._after_cr and chunk.startswith(b"\n") else chunk
        self._after_cr = chunk.endswith(b"\r") if chunk else self._after_cr
        self._size += len(text)
        *ended, rest = _LINE_END.split(text)
        for end in ended:
            line = b"".join((*self._line, end))
            self._line.clear()
            if line:
                self._field(line)
            elif self._data:
                yield self._name.decode("utf-8", "replace"), b"\n".join(self._data)
            if not line:
                self._name, self._data, self._size = b"", [], 0
        self._line.append(rest)
        if self._size > self._limit:
            raise ValueError(f"an event is over {self._limit} bytes")

    def _field(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._name = value
        elif field == b"data":
            self._data.append(value)

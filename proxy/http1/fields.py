"""The field lines of one head: llhttp reads them, and those that bear on framing are judged."""

import re
from typing import Final

import httptools

from proxy.http1.messages import FramingError, Headers

MAX_FIELDS: Final = 256

Parser = httptools.HttpRequestParser | httptools.HttpResponseParser

_DIGITS: Final = re.compile(rb"[0-9]{1,15}")
_JUDGED: Final = frozenset(
    {
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"expect",
        b"content-encoding",
    }
)


class Fields:
    """What llhttp calls back. `headers` are all lines in order; questions are about a few names."""

    __slots__ = ("_complete", "_judged", "headers")

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self._judged: dict[bytes, list[bytes]] = {}
        self._complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        name, value = name.lower(), value.rstrip()
        self.headers.append((name, value))
        if name in _JUDGED:
            self._judged.setdefault(name, []).append(value)

    def on_headers_complete(self) -> None:
        self._complete = True

    def read(self, parser: Parser, raw: bytes) -> Headers:
        """Take a whole head from `parser`, which calls back here. It never sees a body's byte."""
        try:
            parser.feed_data(raw)
        except httptools.HttpParserUpgrade:
            pass  # It may ask; it is served as what it is.
        except httptools.HttpParserInvalidMethodError as exc:
            raise FramingError(501, "Unknown method.") from exc
        except httptools.HttpParserError as exc:
            raise FramingError(400, f"Malformed head: {exc}.") from exc
        if not self._complete:
            raise FramingError(400, "Malformed head.")
        if len(self.headers) > MAX_FIELDS:
            raise FramingError(431, f"More than {MAX_FIELDS} header lines.")
        return self.headers

    def one(self, name: bytes) -> bytes | None:
        """The value of a field that may be there once."""
        values = self._judged.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise FramingError(400, f"Repeated {name.decode()}.")
        return values[0]

    def options(self, name: bytes) -> list[bytes]:
        """The items of a comma-separated field, over all its lines, in lower case."""
        values = self._judged.get(name)
        return [] if values is None else list_items(values)

    def length(self) -> int | None:
        value = self.one(b"content-length")
        if value is None:
            return None
        if not _DIGITS.fullmatch(value):
            raise FramingError(400, "Invalid content-length.")
        return int(value)

    def chunked(self, *, old: bool) -> bool:
        """Whether the body is chunked. HTTP/1.0 (`old`) knows no transfer coding."""
        coding = self.one(b"transfer-encoding")
        if coding is None:
            return False
        if old or b"content-length" in self._judged:
            raise FramingError(400, "A transfer-encoding where none may be.")
        if coding.lower() != b"chunked":
            raise FramingError(501, "The only transfer coding served is chunked.")
        return True


def list_items(values: list[bytes]) -> list[bytes]:
    """The items of a comma-separated field's lines, in lower case."""
    items = [item.strip(b" \t").lower() for value in values for item in value.split(b",")]
    return [item for item in items if item]

"""The values of HTTP/1.1 framing: heads, what bounds a body, and why a message is refused."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

import msgspec

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, values stripped, in the order they came."""

HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

_NO_BODY: Final = frozenset({204, 304})


class FramingError(Exception):
    """A message cannot be trusted to end where it seems to, or is refused for its shape alone."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Framing(Enum):
    """What tells the end of a body (RFC 9112, 6.3)."""

    NONE = auto()
    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()


class RequestHead(msgspec.Struct):
    """A request's head that has passed every check. HTTP/1.`minor`.

    `target` is as sent, save that an absolute form has lost its scheme and authority (they agree
    with `host`). `path` and `query` are its parts at the first "?", nothing decoded.
    """

    method: str
    target: bytes
    path: bytes
    query: bytes
    minor: int
    headers: Headers
    framing: Framing
    length: int | None
    keep_alive: bool
    expect_continue: bool
    _first: dict[bytes, bytes] = {}

    def __post_init__(self) -> None:
        self._first = dict(reversed(self.headers))

    def get(self, name: bytes) -> bytes | None:
        """The first value of a header, named in lower case."""
        return self._first.get(name)

    def get_all(self, name: bytes) -> list[bytes]:
        """Every value of a header, in order."""
        return [value for known, value in self.headers if known == name]


class ResponseHead(msgspec.Struct):
    """An answer up to its body. `length` is set for LENGTH framing, and for HEAD where given."""

    status: int
    reason: bytes
    headers: Headers
    framing: Framing
    length: int | None
    keep_alive: bool
    _first: dict[bytes, bytes] = {}

    def __post_init__(self) -> None:
        self._first = dict(reversed(self.headers))

    def get(self, name: bytes) -> bytes | None:
        """The first value of a header, named in lower case."""
        return self._first.get(name)


def bodyless(method: str, status: int) -> bool:
    """Whether the answer to `method` with `status` has no body whatever its headers say."""
    return method == "HEAD" or status in _NO_BODY


def connection_nominated(headers: Headers) -> frozenset[bytes]:
    """The names that `Connection` declares to be for this hop only."""
    lines = [value for name, value in headers if name == b"connection"]
    return frozenset(item.strip(b" \t").lower() for line in lines for item in line.split(b","))

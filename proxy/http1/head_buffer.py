"""Bytes on their way to becoming a request's head. What cannot become one is refused early."""

import re
from typing import Final

from proxy.http1.heads import parse_request_head
from proxy.http1.messages import FramingError, RequestHead
from proxy.http1.settings import HttpLimits

_HOPELESS: Final = re.compile(rb"(?<!\r)\n|\x00")
_START: Final = re.compile(rb"\r?\Z|[!#$%&'*+\-.^_`|~0-9A-Za-z]")
_LINE_EXTRA: Final = 64
"""What a request line may hold beside its target."""


class HeadBuffer:
    """What a client has sent beyond the current request: part of a head, or several requests."""

    __slots__ = ("_limits", "_seen", "held")

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._seen = 0
        self.held = b""

    def add(self, data: bytes) -> None:
        self.held = self.held + data if self.held else data

    def take(self) -> RequestHead | None:
        """The next head, if it is all here. Raises FramingError: then nothing after it counts."""
        while self.held.startswith(b"\r\n"):
            self.held, self._seen = self.held[2:], 0
        end = self.held.find(b"\r\n\r\n", max(0, self._seen - 3)) + 4
        if end < 4:  # noqa: PLR2004 - not found
            self._refuse_early()
            self._seen = len(self.held)
            return None
        if end > self._limits.head:
            raise self._too_long()
        head = parse_request_head(self.held[:end])
        if len(head.target) > self._limits.target:
            raise FramingError(414, "The target is too long.")
        if (head.length or 0) > self._limits.body:
            raise FramingError(413, "The body is too large.")
        self.held, self._seen = self.held[end:], 0
        return head

    def take_rest(self) -> bytes:
        """All that is held, for the body of the head just taken."""
        rest, self.held = self.held, b""
        return rest

    def request_line(self) -> tuple[bytes, bytes]:
        """Method and target as far as they can be made out, for the record of a refusal."""
        method, _, rest = self.held[:1024].partition(b"\r")[0].partition(b" ")
        return method, rest.partition(b" ")[0]

    def _refuse_early(self) -> None:
        """Do not wait for the end of what can never be a head."""
        if not _START.match(self.held):
            raise FramingError(400, "This is not HTTP/1.1.")
        if _HOPELESS.search(self.held, max(0, self._seen - 1)):
            raise FramingError(400, "A line of the head does not end with CR LF, or holds NUL.")
        if len(self.held) > self._limits.head or self._line_too_long():
            raise self._too_long()

    def _line_too_long(self) -> bool:
        most = self._limits.target + _LINE_EXTRA
        return len(self.held) > most and self.held.find(b"\r\n", 0, most) < 0

    def _too_long(self) -> FramingError:
        if self._line_too_long():
            return FramingError(414, "The target is too long.")
        return FramingError(431, "The head is too long.")

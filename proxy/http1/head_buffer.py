"""Bytes on their way to becoming a request's head. Pure; what cannot become one is refused early."""

import re
from typing import Final

from proxy.http1.heads import parse_request_head
from proxy.http1.messages import FramingError, RequestHead
from proxy.http1.settings import HttpLimits

_BLANK: Final = b"\r\n\r\n"
_HOPELESS: Final = re.compile(rb"(?<!\r)\n|\x00")
_START: Final = re.compile(rb"(?:\r\n)*(?:\r?\Z|[!#$%&'*+\-.^_`|~0-9A-Za-z])")


class HeadBuffer:
    """What a connection has sent beyond the current request: part of a head, or several heads."""

    __slots__ = ("_limits", "_seen", "held")

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._seen = 0
        self.held = bytearray()

    def add(self, data: bytes) -> None:
        self.held += data

    def take(self) -> RequestHead | None:
        """The next head, if it is all here. Raises FramingError; then the buffer is of no more use."""
        self._skip_blank_lines()
        end = self.held.find(_BLANK, max(0, self._seen - 3))
        if end < 0:
            self._refuse_early()
            self._seen = len(self.held)
            return None
        if end > self._limits.head:
            raise self._too_long()
        self._seen = 0
        head = parse_request_head(bytes(self.held[: end + 4]))
        if len(head.target) > self._limits.target:
            raise FramingError(414, "the target is too long")
        del self.held[: end + 4]
        return head

    def take_rest(self) -> bytes:
        """All that is held, for the body of the head just taken."""
        rest = bytes(self.held)
        self.held.clear()
        return rest

    def request_line(self) -> tuple[bytes, bytes]:
        """Method and target as far as they can be made out, for the record of a refusal."""
        words = bytes(self.held[:1024]).split(b"\r", 1)[0].split(b" ")
        return words[0], words[1] if len(words) > 1 else b""

    def _skip_blank_lines(self) -> None:
        while self.held.startswith(b"\r\n"):
            del self.held[:2]
            self._seen = 0

    def _refuse_early(self) -> None:
        """Do not wait for the end of what can never be a head."""
        if not _START.match(self.held):
            raise FramingError(400, "this is not HTTP/1.1")
        if _HOPELESS.search(self.held, max(0, self._seen - 1)):
            raise FramingError(400, "a line of the head ends without CR LF, or holds NUL")
        line_end = self.held.find(b"\r\n", 0, self._limits.target + 32)
        if len(self.held) > self._limits.head or (
            line_end < 0 and len(self.held) > self._limits.target + 32
        ):
            raise self._too_long()

    def _too_long(self) -> FramingError:
        if self.held.find(b"\r\n", 0, self._limits.target + 32) < 0:
            return FramingError(414, "the target is too long")
        return FramingError(431, "the head is too long")

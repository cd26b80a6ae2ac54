"""Heads, written. Framing is always ours: what the given headers say of it is left out."""

from http import HTTPStatus
from typing import Final

from proxy.http1.messages import HOP_BY_HOP, Framing, Headers

_OURS: Final = HOP_BY_HOP | {b"content-length"}
_NO_CONTENT: Final = 204
_STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %b" % (status.value, status.phrase.encode())
    for status in HTTPStatus
}


def render_request(method: str, target: bytes, headers: Headers, body_length: int) -> bytes:
    """A request's head for a worker; `host` is among the headers."""
    line = b"%b %b HTTP/1.1" % (method.encode("ascii"), target)
    return _render(line, headers, b"content-length: %d" % body_length)


def render_response(
    status: int, headers: Headers, framing: Framing, length: int | None, *, close: bool
) -> bytes:
    """A response's head for a client. `length` may stand without a body, for HEAD and 304."""
    line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status
    ours = []
    if framing is Framing.CHUNKED:
        ours.append(b"transfer-encoding: chunked")
    elif length is not None and status != _NO_CONTENT:
        ours.append(b"content-length: %d" % length)
    if close:
        ours.append(b"connection: close")
    return _render(line, headers, *ours)


def _render(line: bytes, headers: Headers, *ours: bytes) -> bytes:
    lines = [line, *[b": ".join(field) for field in headers if field[0] not in _OURS], *ours]
    head = b"\r\n".join(lines)
    ends = len(lines) - 1
    if head.count(b"\n") != ends or head.count(b"\r") != ends:
        raise ValueError("a header to be sent holds a line break")
    return head + b"\r\n\r\n"

"""Heads, read: what llhttp lets pass is judged here (RFC 9110 and 9112)."""

import re
from typing import Final

import httptools

from proxy.http1.fields import Fields
from proxy.http1.messages import Framing, FramingError, RequestHead, ResponseHead, bodyless

_REQUEST_LINE: Final = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/([0-9])\.([0-9])\r\n"
)
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([^\r\n]*))?\r\n")
_ABSOLUTE: Final = re.compile(rb"https?://([^/?]+)(.*)", re.IGNORECASE)
_AUTHORITY: Final = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+)(?::[0-9]{0,5})?"
)

FINAL: Final = 200
"""Answers with a lower status are interim ones."""

_PLAIN: Final = frozenset({b"identity"})
_EXPECTED: Final = frozenset({b"100-continue"})


def parse_request_head(raw: bytes) -> RequestHead:
    """Read a head up to and including its blank line, or raise FramingError."""
    line = _REQUEST_LINE.match(raw)
    if line is None:
        raise FramingError(400, "Malformed request line.")
    method, target, major, minor = line.groups()
    if major != b"1" or minor > b"1":
        raise FramingError(505, "Only HTTP/1.0 and HTTP/1.1 are served.")
    if method == b"CONNECT":
        raise FramingError(405, "CONNECT is not served.")
    old = minor == b"0"
    fields = Fields()
    headers = fields.read(httptools.HttpRequestParser(fields), raw)
    target = _origin_form(method, target, _host(fields, old=old))
    framing, length = _request_framing(fields, old=old)
    if not _PLAIN.issuperset(fields.options(b"content-encoding")):
        raise FramingError(415, "A compressed body is not served.")
    path, _, query = target.partition(b"?")
    return RequestHead(
        method=method.decode("ascii"),
        target=target,
        path=path,
        query=query,
        minor=0 if old else 1,
        headers=headers,
        framing=framing,
        length=length,
        keep_alive=not old and b"close" not in fields.options(b"connection"),
        expect_continue=_expects_continue(fields) and not old,
    )


def parse_response_head(raw: bytes, method: str) -> ResponseHead:
    """Read a worker's head up to and including its blank line; `method` is the request's."""
    line = _STATUS_LINE.match(raw)
    if line is None:
        raise FramingError(502, "Malformed status line.")
    minor, code, reason = line.groups()
    status, old = int(code), minor == b"0"
    fields = Fields()
    headers = fields.read(httptools.HttpResponseParser(fields), raw)
    framing, length = _response_framing(fields, old=old)
    if bodyless(method, status) or status < FINAL:
        framing = Framing.NONE
    options = fields.options(b"connection")
    keep_alive = b"keep-alive" in options if old else b"close" not in options
    return ResponseHead(status, reason or b"", headers, framing, length, keep_alive)


def _host(fields: Fields, *, old: bool) -> bytes | None:
    host = fields.one(b"host")
    if host is None and old:
        return None
    if host is None or not _AUTHORITY.fullmatch(host):
        raise FramingError(400, "Missing or invalid host.")
    return host


def _origin_form(method: bytes, target: bytes, host: bytes | None) -> bytes:
    """The target without scheme and authority, if those are ours."""
    if b"#" in target:
        raise FramingError(400, "A target has no fragment.")
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise FramingError(400, "Malformed target.")
    authority, rest = absolute.groups()
    if host is None or authority.lower() != host.lower():
        raise FramingError(421, "Other hosts are not served.")
    if not rest and method == b"OPTIONS":
        return b"*"
    return rest if rest.startswith(b"/") else b"/" + rest


def _request_framing(fields: Fields, *, old: bool) -> tuple[Framing, int | None]:
    if fields.chunked(old=old):
        return Framing.CHUNKED, None
    length = fields.length()
    return (Framing.LENGTH, length) if length else (Framing.NONE, length)


def _response_framing(fields: Fields, *, old: bool) -> tuple[Framing, int | None]:
    if fields.chunked(old=old):
        return Framing.CHUNKED, None
    length = fields.length()
    return (Framing.CLOSE, None) if length is None else (Framing.LENGTH, length)


def _expects_continue(fields: Fields) -> bool:
    expected = fields.options(b"expect")
    if not _EXPECTED.issuperset(expected):
        raise FramingError(417, "The only expectation served is 100-continue.")
    return bool(expected)

"""Heads in and out: llhttp reads them, and what it lets pass is judged here (RFC 9112)."""

import re
from http import HTTPStatus
from typing import Final

import httptools

from proxy.http1.messages import (
    HOP_BY_HOP,
    Framing,
    FramingError,
    Headers,
    RequestHead,
    ResponseHead,
    list_items,
)

MAX_FIELDS: Final = 256

_REQUEST_LINE: Final = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/([0-9])\.([0-9])\r\n"
)
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([^\r\n]*))?\r\n")
_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE)
_AUTHORITY: Final = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+)(?::[0-9]{0,5})?"
)
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
_OURS: Final = HOP_BY_HOP | {b"content-length"}
_STATUS_LINES: Final = {s.value: b"%d %s" % (s.value, s.phrase.encode()) for s in HTTPStatus}
_NO_BODY: Final = frozenset({204, 304})

_Judged = dict[bytes, list[bytes]]
_Parser = httptools.HttpRequestParser | httptools.HttpResponseParser


class _Fields:
    """What llhttp calls back while it reads one head."""

    __slots__ = ("complete", "headers")

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True


def parse_request_head(raw: bytes) -> RequestHead:
    """Read a head up to and including its blank line, or raise FramingError."""
    line = _REQUEST_LINE.match(raw)
    if line is None:
        raise FramingError(400, "malformed request line")
    method, target, major, minor = line.groups()
    if major != b"1" or minor > b"1":
        raise FramingError(505, "only HTTP/1.0 and HTTP/1.1 are served")
    if method == b"CONNECT":
        raise FramingError(405, "CONNECT is not served")
    fields = _Fields()
    headers = _read(httptools.HttpRequestParser(fields), fields, raw)
    judged = _judged(headers)
    old = minor == b"0"
    target = _origin_form(method, target, _host(judged, old=old))
    framing, length = _request_framing(judged, old=old)
    _refuse_coding(judged)
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
        keep_alive=not old and b"close" not in list_items(judged.get(b"connection", ())),
        expect_continue=_expects_continue(judged) and not old,
    )


def parse_response_head(raw: bytes, method: str) -> ResponseHead:
    """Read a worker's head up to and including its blank line; `method` is the request's."""
    line = _STATUS_LINE.match(raw)
    if line is None:
        raise FramingError(502, "malformed status line")
    status, old = int(line[2]), line[1] == b"0"
    fields = _Fields()
    headers = _read(httptools.HttpResponseParser(fields), fields, raw)
    judged = _judged(headers)
    framing, length = _response_framing(judged, old=old)
    if method == "HEAD" or status in _NO_BODY or status < HTTPStatus.OK:
        framing = Framing.NONE
    options = list_items(judged.get(b"connection", ()))
    keep_alive = b"keep-alive" in options if old else b"close" not in options
    return ResponseHead(status, line[3] or b"", headers, framing, length, keep_alive)


def render_request(method: str, target: bytes, headers: Headers, body_length: int) -> bytes:
    """A request's head for a worker, `host` being among `headers`. Any framing there gives way."""
    line = b"%b %b HTTP/1.1" % (method.encode("ascii"), target)
    return _render(line, headers, b"content-length: %d" % body_length)


def render_response(
    status: int, headers: Headers, framing: Framing, length: int | None, *, close: bool
) -> bytes:
    """A response's head for a client. Any framing that `headers` name gives way to ours."""
    line = b"HTTP/1.1 " + (_STATUS_LINES.get(status) or b"%d " % status)
    ours = []
    if framing is Framing.CHUNKED:
        ours.append(b"transfer-encoding: chunked")
    elif length is not None and status != HTTPStatus.NO_CONTENT:
        ours.append(b"content-length: %d" % length)
    if close:
        ours.append(b"connection: close")
    return _render(line, headers, *ours)


def bodyless(method: str, status: int) -> bool:
    """Whether the answer to `method` with `status` has no body whatever its headers say."""
    return method == "HEAD" or status in _NO_BODY


def _render(line: bytes, headers: Headers, *ours: bytes) -> bytes:
    lines = [line, *[b"%b: %b" % field for field in headers if field[0] not in _OURS], *ours]
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        raise ValueError("a header to be sent holds a line break")
    return head + b"\r\n\r\n"


def _read(parser: _Parser, fields: _Fields, raw: bytes) -> Headers:
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserInvalidMethodError as exc:
        raise FramingError(501, "unknown method") from exc
    except httptools.HttpParserError as exc:
        raise FramingError(400, f"malformed head: {exc}") from exc
    if not fields.complete:
        raise FramingError(400, "malformed head")
    if len(fields.headers) > MAX_FIELDS:
        raise FramingError(431, f"more than {MAX_FIELDS} header lines")
    return fields.headers


def _judged(headers: Headers) -> _Judged:
    """The lines of the fields that bear on framing, by name."""
    found: _Judged = {}
    for name, value in headers:
        if name in _JUDGED:
            found.setdefault(name, []).append(value)
    return found


def _one(judged: _Judged, name: bytes) -> bytes | None:
    values = judged.get(name)
    if values is None:
        return None
    if len(values) > 1:
        raise FramingError(400, f"repeated {name.decode()}")
    return values[0]


def _host(judged: _Judged, *, old: bool) -> bytes | None:
    host = _one(judged, b"host")
    if host is None and old:
        return None
    if host is None or not _AUTHORITY.fullmatch(host):
        raise FramingError(400, "missing or invalid host")
    return host


def _origin_form(method: bytes, target: bytes, host: bytes | None) -> bytes:
    if b"#" in target:
        raise FramingError(400, "a target has no fragment")
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise FramingError(400, "malformed target")
    if host is None or absolute[1].lower() != host.lower():
        raise FramingError(421, "this is not a proxy for other hosts")
    rest = absolute[2]
    if not rest and method == b"OPTIONS":
        return b"*"
    return rest if rest.startswith(b"/") else b"/" + rest


def _length(judged: _Judged) -> int | None:
    value = _one(judged, b"content-length")
    if value is None:
        return None
    if not _DIGITS.fullmatch(value):
        raise FramingError(400, "invalid content-length")
    return int(value)


def _chunked(judged: _Judged, *, old: bool) -> bool:
    if b"transfer-encoding" not in judged:
        return False
    coding = (_one(judged, b"transfer-encoding") or b"").lower()
    if old or b"content-length" in judged:
        raise FramingError(400, "transfer-encoding where none may be")
    if coding != b"chunked":
        raise FramingError(501, "the only transfer coding served is chunked")
    return True


def _request_framing(judged: _Judged, *, old: bool) -> tuple[Framing, int | None]:
    if _chunked(judged, old=old):
        return Framing.CHUNKED, None
    length = _length(judged)
    return (Framing.LENGTH, length) if length else (Framing.NONE, length)


def _response_framing(judged: _Judged, *, old: bool) -> tuple[Framing, int | None]:
    if _chunked(judged, old=old):
        return Framing.CHUNKED, None
    length = _length(judged)
    return (Framing.CLOSE if length is None else Framing.LENGTH), length


def _expects_continue(judged: _Judged) -> bool:
    expected = judged.get(b"expect")
    if expected is None:
        return False
    if any(value.lower() != b"100-continue" for value in expected):
        raise FramingError(417, "the only expectation served is 100-continue")
    return True


def _refuse_coding(judged: _Judged) -> None:
    if any(coding != b"identity" for coding in list_items(judged.get(b"content-encoding", ()))):
        raise FramingError(415, "a compressed body is not served")

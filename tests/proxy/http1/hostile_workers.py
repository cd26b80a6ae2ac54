"""What workers may answer: heads that cannot be used, and what the others mean (RFC 9112, 6.3)."""

from proxy.http1.framing import Framing

OK = b"HTTP/1.1 200 OK\r\n"


def ok(*lines: bytes) -> bytes:
    return OK + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def status(line: bytes) -> bytes:
    return line + b"\r\nContent-Length: 0\r\n\r\n"


UNUSABLE = [
    # 4: the status line.
    ("nothing", b"\r\n\r\n", "GET"),
    ("text", b"hello\r\n\r\n", "GET"),
    ("HTTP/0.9", status(b"HTTP/0.9 200 OK"), "GET"),
    ("HTTP/1.2", status(b"HTTP/1.2 200 OK"), "GET"),
    ("HTTP/2.0", status(b"HTTP/2.0 200 OK"), "GET"),
    ("HTTP/2", status(b"HTTP/2 200 OK"), "GET"),
    ("http/1.1", status(b"http/1.1 200 OK"), "GET"),
    ("no status", status(b"HTTP/1.1 OK"), "GET"),
    ("two digits", status(b"HTTP/1.1 20 OK"), "GET"),
    ("four digits", status(b"HTTP/1.1 2000 OK"), "GET"),
    ("a status of 099", status(b"HTTP/1.1 099 OK"), "GET"),
    ("a negative one", status(b"HTTP/1.1 -20 OK"), "GET"),
    ("two spaces", status(b"HTTP/1.1  200 OK"), "GET"),
    ("a tab", status(b"HTTP/1.1\t200 OK"), "GET"),
    ("a space in front", status(b" HTTP/1.1 200 OK"), "GET"),
    ("a request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET"),
    ("a CR in the reason", status(b"HTTP/1.1 200 O\rK"), "GET"),
    ("an LF in the reason", status(b"HTTP/1.1 200 O\nK"), "GET"),
    # 6.3: two framings, or a doubtful one.
    ("length and chunked", ok(b"Content-Length: 5", b"Transfer-Encoding: chunked"), "GET"),
    ("chunked and length", ok(b"Transfer-Encoding: chunked", b"Content-Length: 5"), "GET"),
    ("two lengths", ok(b"Content-Length: 5", b"Content-Length: 6"), "GET"),
    ("two equal lengths", ok(b"Content-Length: 5", b"Content-Length: 5"), "GET"),
    ("a list of lengths", ok(b"Content-Length: 5, 5"), "GET"),
    ("a length of +5", ok(b"Content-Length: +5"), "GET"),
    ("a length of -5", ok(b"Content-Length: -5"), "GET"),
    ("a length of 0x5", ok(b"Content-Length: 0x5"), "GET"),
    ("a length of 5_0", ok(b"Content-Length: 5_0"), "GET"),
    ("an empty length", ok(b"Content-Length:"), "GET"),
    ("a length of 2^64", ok(b"Content-Length: 18446744073709551616"), "GET"),
    ("a doubtful length to HEAD", ok(b"Content-Length: x"), "HEAD"),
    ("gzip as a transfer coding", ok(b"Transfer-Encoding: gzip"), "GET"),
    ("gzip, chunked", ok(b"Transfer-Encoding: gzip, chunked"), "GET"),
    ("chunked twice", ok(b"Transfer-Encoding: chunked, chunked"), "GET"),
    (
        "two lines of chunked",
        ok(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        "GET",
    ),
    ("xchunked", ok(b"Transfer-Encoding: xchunked"), "GET"),
    ("identity", ok(b"Transfer-Encoding: identity"), "GET"),
    ("chunked under HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET"),
    # 5: field lines.
    ("space before the colon", ok(b"Content-Length : 5"), "GET"),
    ("obsolete folding", ok(b"X: a", b" b", b"Content-Length: 5"), "GET"),
    ("a folded coding", ok(b"Transfer-Encoding:", b" chunked"), "GET"),
    ("an empty name", ok(b": a"), "GET"),
    ("no colon", ok(b"X"), "GET"),
    ("NUL in a value", ok(b"X: a\x00b"), "GET"),
    ("a bare CR in a value", ok(b"X: a\rb"), "GET"),
    ("a bare LF in a value", ok(b"X: a\nb"), "GET"),
    ("a control in a value", ok(b"X: a\x07"), "GET"),
    ("obs-text in a name", ok(b"X\xe9: a"), "GET"),
    ("a space in a name", ok(b"X Y: a"), "GET"),
    ("LF for line ends", b"HTTP/1.1 200 OK\nContent-Length: 5\n\r\n\r\n", "GET"),
    ("300 fields", ok(*[b"X: a"] * 300), "GET"),
]

ACCEPTED = [
    ("a length", ok(b"Content-Length: 5"), "POST", 200, Framing.LENGTH, True),
    ("an empty body", ok(b"Content-Length: 0"), "POST", 200, Framing.LENGTH, True),
    ("chunked", ok(b"Transfer-Encoding: chunked"), "POST", 200, Framing.CHUNKED, True),
    ("Chunked", ok(b"Transfer-Encoding: Chunked"), "POST", 200, Framing.CHUNKED, True),
    ("until the end", ok(), "POST", 200, Framing.CLOSE, True),
    ("close", ok(b"Connection: close", b"Content-Length: 1"), "POST", 200, Framing.LENGTH, False),
    ("HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\n", "POST", 200, Framing.CLOSE, False),
    (
        "HTTP/1.0 that stays",
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\n",
        "POST",
        200,
        Framing.LENGTH,
        True,
    ),
    ("no reason", b"HTTP/1.1 529 \r\nContent-Length: 1\r\n\r\n", "POST", 529, Framing.LENGTH, True),
    (
        "no space either",
        b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n",
        "GET",
        200,
        Framing.LENGTH,
        True,
    ),
    ("HEAD with a length", ok(b"Content-Length: 5"), "HEAD", 200, Framing.NONE, True),
    ("HEAD, chunked", ok(b"Transfer-Encoding: chunked"), "HEAD", 200, Framing.NONE, True),
    ("HEAD without either", ok(), "HEAD", 200, Framing.NONE, True),
    ("204", b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204, Framing.NONE, True),
    (
        "204 that claims a body",
        b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n",
        "GET",
        204,
        Framing.NONE,
        True,
    ),
    (
        "304 with a length",
        b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n",
        "GET",
        304,
        Framing.NONE,
        True,
    ),
    ("100", b"HTTP/1.1 100 Continue\r\n\r\n", "POST", 100, Framing.NONE, True),
    ("103", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "POST", 103, Framing.NONE, True),
    (
        "a reason with obs-text",
        b"HTTP/1.1 200 \xe9\r\nContent-Length: 1\r\n\r\n",
        "GET",
        200,
        Framing.LENGTH,
        True,
    ),
]

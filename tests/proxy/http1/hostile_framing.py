"""Client messages that leave it open where their bodies end (RFC 9112, 6)."""

from tests.proxy.http1.raw import get, post

LENGTHS = [
    # 6.3: a length is digits, once, and nothing else.
    (f"length {value!r}", post(b"Content-Length: " + value), 400)
    for value in (
        b"",
        b" ",
        b"+5",
        b"-1",
        b"-0",
        b"0x5",
        b"5_0",
        b"5 0",
        b"5,5",
        b"5, 5",
        b"5;5",
        b"5.0",
        b"5e0",
        b"0b1",
        b"five",
        b"\xef\xbc\x95",
        b"\xd9\xa5",
        b"18446744073709551616",
        b"9" * 40,
        b"1000000000000000",
        b'"5"',
        b"5\x00",
        b"5\x0b",
        b"\x0c5",
        b"5\xa0",
        b"NaN",
        b"(5)",
    )
]

REPEATED_LENGTHS = [
    ("two equal lengths, 6.3", post(b"Content-Length: 5", b"Content-Length: 5"), 400),
    ("two different lengths, 6.3", post(b"Content-Length: 5", b"Content-Length: 6"), 400),
    ("a length and an empty one", post(b"Content-Length: 5", b"Content-Length:"), 400),
    ("lengths in two spellings", post(b"Content-Length: 5", b"content-length: 0"), 400),
    ("lengths apart", post(b"Content-Length: 5", b"X: y", b"CONTENT-LENGTH: 5"), 400),
    ("a length on a GET, twice", get(b"Content-Length: 0", b"Content-Length: 0"), 400),
]

BOTH_FRAMINGS = [
    # 6.1: a length beside a transfer coding is how smuggling starts.
    ("length, then chunked", post(b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
    ("chunked, then length", post(b"Transfer-Encoding: chunked", b"Content-Length: 5"), 400),
    ("chunked and length 0", post(b"Transfer-Encoding: chunked", b"Content-Length: 0"), 400),
    ("Chunked and length", post(b"Transfer-Encoding: Chunked", b"Content-Length: 5"), 400),
    ("identity and length", post(b"Transfer-Encoding: identity", b"Content-Length: 5"), 400),
    ("on a GET", get(b"Transfer-Encoding: chunked", b"Content-Length: 5"), 400),
    (
        "gzip, chunked and length",
        post(b"Transfer-Encoding: gzip, chunked", b"Content-Length: 5"),
        400,
    ),
    ("apart", post(b"Content-Length: 5", b"X: y", b"Transfer-Encoding: chunked"), 400),
]

CODINGS = [
    # 6.1 and 7: exactly `chunked`, once.
    (f"coding {value!r}", post(b"Transfer-Encoding: " + value), (400, 501))
    for value in (
        b"",
        b"xchunked",
        b"chunkedx",
        b"gzip",
        b"gzip, chunked",
        b"gzip,chunked",
        b"deflate, gzip, chunked",
        b"chunked, chunked",
        b"chunked,",
        b",chunked",
        b"chunked, gzip",
        b"chunked, identity",
        b"identity",
        b"identity, chunked",
        b"chunked;q=1",
        b"chunked; ext",
        b'"chunked"',
        b"'chunked'",
        b"chu nked",
        b"chunked\x0b",
        b"\x0bchunked",
        b"chunked\x00",
        b"\xa0chunked",
        b"c\xc4\xa5unked",
        b"chun\xe2\x80\x8bked",
        b"cow",
    )
]

REPEATED_CODINGS = [
    ("two lines", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
    ("chunked, then cow", post(b"Transfer-Encoding: chunked", b"Transfer-encoding: cow"), 400),
    (
        "identity, then chunked",
        post(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"),
        400,
    ),
    ("gzip, then chunked", post(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"), 400),
    ("empty, then chunked", post(b"Transfer-Encoding:", b"Transfer-Encoding: chunked"), 400),
    (
        "under HTTP/1.0, 6.1",
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
]

"""A corpus of client messages that must be refused, and with which status.

Each row is (what it is, the head's bytes, the status of the refusal). Sections are of RFC 9112
unless another number stands there.
"""

from tests.proxy.http1.hostile_framing import (
    BOTH_FRAMINGS,
    CODINGS,
    LENGTHS,
    REPEATED_CODINGS,
    REPEATED_LENGTHS,
)
from tests.proxy.http1.raw import get, line, post

FIELD_LINES = [
    # 5.1: no space before the colon; 5.2: no folding; 9110 5.5: no CR, LF or NUL in a value.
    ("space before the colon", post(b"Content-Length : 5"), 400),
    ("tab before the colon", post(b"Content-Length\t: 5"), 400),
    ("space before TE's colon", post(b"Transfer-Encoding : chunked"), 400),
    ("space before Host's colon", line(b"GET / HTTP/1.1", b"Host : a\r\n"), 400),
    ("obsolete folding with a space", post(b"X: a", b" b"), 400),
    ("obsolete folding with a tab", post(b"X: a", b"\tb"), 400),
    ("a folded transfer coding", post(b"Transfer-Encoding:", b" chunked"), 400),
    ("a folded length", post(b"Content-Length:", b" 5"), 400),
    ("space before the first field", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    ("a space before a name", post(b" X: a"), 400),
    ("an empty name", post(b": a"), 400),
    ("no colon", post(b"Transfer-Encoding"), 400),
    ("only a word", post(b"X"), 400),
    ("a quote in a name", post(b'X"Y: a'), 400),
    ("a slash in a name", post(b"X/Y: a"), 400),
    ("brackets in a name", post(b"X[Y]: a"), 400),
    ("a space in a name", post(b"X Y: a"), 400),
    ("an at in a name", post(b"X@Y: a"), 400),
    ("a comma in a name", post(b"X,Y: a"), 400),
    ("a name with obs-text", post(b"X\xe9: a"), 400),
    ("a name in UTF-8", post("\uff28ost: a".encode()), 400),
    ("a control in a name", post(b"X\x01: a"), 400),
    ("DEL in a name", post(b"X\x7f: a"), 400),
    ("NUL in a name", post(b"X\x00: a"), 400),
    ("NUL in a value", post(b"X: a\x00b"), 400),
    ("NUL ends a value", post(b"X: a\x00"), 400),
    ("a bare CR in a value", post(b"X: a\rb"), 400),
    ("a bare CR before the length", post(b"X: a\rContent-Length: 5"), 400),
    ("a bare CR ends a name", post(b"X\r: a"), 400),
    ("CR CR LF", post(b"X: a\r"), 400),
    ("a bare LF in a value", post(b"X: a\nb"), 400),
    ("a bare LF before the coding", post(b"X: a\nTransfer-Encoding: chunked"), 400),
    ("LF CR", post(b"X: a\n\rY: b"), 400),
    ("BEL in a value", post(b"X: a\x07b"), 400),
    ("ESC in a value", post(b"X: \x1b[31m"), 400),
    ("VT in a value", post(b"X: a\x0bb"), 400),
    ("FF in a value", post(b"X: a\x0cb"), 400),
    ("DEL in a value", post(b"X: a\x7fb"), 400),
    ("backspace in a value", post(b"X: a\x08b"), 400),
    ("10,000 fields", post(*[b"X: a"] * 10_000), 431),
    ("257 fields", post(*[b"X: a"] * 256), 431),
]

HOSTS = [
    # 3.2: exactly one, and it names a host.
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("no host but others", b"GET / HTTP/1.1\r\nX: a\r\n\r\n", 400),
    ("two hosts", get(b"Host: b"), 400),
    ("two equal hosts", get(b"Host: a"), 400),
    ("two hosts in two spellings", get(b"HOST: b"), 400),
    ("two hosts under HTTP/1.0", b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    *(
        (f"host {value!r}", line(b"GET / HTTP/1.1", b"Host: " + value + b"\r\n"), 400)
        for value in (
            b"",
            b"a b",
            b"a/b",
            b"a?b",
            b"a#b",
            b"u@a",
            b"u:p@a",
            b"http://a",
            b"a:port",
            b"a:80:80",
            b"a:-1",
            b"a:123456",
            b":80",
            b"[::1",
            b"::1]",
            b"[::1]x",
            b"[::1]:x",
            b"[]",
            b"a\\b",
            b"a\xe9",
            b'"a"',
            b"<a>",
            b"a\tb",
            b"a^b",
        )
    ),
]

VERSIONS = [
    # 2.3: one of two versions, in capitals, with one digit on either side.
    ("HTTP/0.9", line(b"GET / HTTP/0.9"), 505),
    ("HTTP/1.2", line(b"GET / HTTP/1.2"), 505),
    ("HTTP/1.9", line(b"GET / HTTP/1.9"), 505),
    ("HTTP/2.0", line(b"GET / HTTP/2.0"), 505),
    ("HTTP/3.0", line(b"GET / HTTP/3.0"), 505),
    ("HTTP/9.9", line(b"GET / HTTP/9.9"), 505),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("no version", line(b"GET /"), 400),
    ("no version and no host", b"GET /\r\n\r\n", 400),
    ("an empty version", line(b"GET / "), 400),
    ("HTTP/1", line(b"GET / HTTP/1"), 400),
    ("HTTP/2", line(b"GET / HTTP/2"), 400),
    ("HTTP/1.", line(b"GET / HTTP/1."), 400),
    ("HTTP/.1", line(b"GET / HTTP/.1"), 400),
    ("HTTP/1.10", line(b"GET / HTTP/1.10"), 400),
    ("HTTP/01.1", line(b"GET / HTTP/01.1"), 400),
    ("HTTP/1.01", line(b"GET / HTTP/1.01"), 400),
    ("HTTP/+1.1", line(b"GET / HTTP/+1.1"), 400),
    ("HTTP/1,1", line(b"GET / HTTP/1,1"), 400),
    ("HTTP 1.1", line(b"GET / HTTP 1.1"), 400),
    ("http/1.1", line(b"GET / http/1.1"), 400),
    ("HTTPS/1.1", line(b"GET / HTTPS/1.1"), 400),
    ("XHTTP/1.1", line(b"GET / XHTTP/1.1"), 400),
    ("ICE/1.0", line(b"GET / ICE/1.0"), 400),
    ("RTSP/1.0", line(b"DESCRIBE / RTSP/1.0"), 400),
    ("a version with a superscript", line("GET / HTTP/1.\u00b9".encode()), 400),
]

REQUEST_LINES = [
    # 3: method SP target SP version, and nothing else.
    ("two spaces before the target", line(b"GET  / HTTP/1.1"), 400),
    ("two spaces after the target", line(b"GET /  HTTP/1.1"), 400),
    ("a tab before the target", line(b"GET\t/ HTTP/1.1"), 400),
    ("a tab after the target", line(b"GET /\tHTTP/1.1"), 400),
    ("a space at the start", line(b" GET / HTTP/1.1"), 400),
    ("a space at the end", line(b"GET / HTTP/1.1 "), 400),
    ("a word too many", line(b"GET / HTTP/1.1 x"), 400),
    ("a space in the target", line(b"GET /a b HTTP/1.1"), 400),
    ("a bare LF after the line", b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    ("a bare CR after the line", b"GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
    ("a CR in the line", line(b"GET /\r HTTP/1.1"), 400),
    ("NUL in the target", line(b"GET /a\x00b HTTP/1.1"), 400),
    ("a control in the target", line(b"GET /a\x01b HTTP/1.1"), 400),
    ("DEL in the target", line(b"GET /a\x7fb HTTP/1.1"), 400),
    ("raw UTF-8 in the target", line("GET /é HTTP/1.1".encode()), 400),
    ("a raw byte in the target", line(b"GET /\xff HTTP/1.1"), 400),
    ("a fragment, 3.2", line(b"GET /a#b HTTP/1.1"), 400),
    ("only a fragment", line(b"GET # HTTP/1.1"), 400),
    ("no target", line(b"GET HTTP/1.1"), 400),
    ("an empty target", line(b"GET  HTTP/1.1"), 400),
    ("a relative target", line(b"GET a/b HTTP/1.1"), 400),
    ("a query alone", line(b"GET ?a HTTP/1.1"), 400),
    ("a backslash for a slash", line(b"GET \\a HTTP/1.1"), 400),
    ("an asterisk for a GET, 3.2.4", line(b"GET * HTTP/1.1"), 400),
    ("an authority for a GET", line(b"GET a:80 HTTP/1.1"), 400),
    ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    (
        "a PROXY line",
        b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    ("an answer", b"HTTP/1.1 200 OK\r\nHost: a\r\n\r\n", 400),
    ("an SSH hello", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 400),
    ("quotes", line(b'"GET" / HTTP/1.1'), 400),
]

METHODS = [
    # 9110 9.3.6: no tunnels; 9.1: unknown ones are 501.
    ("CONNECT", line(b"CONNECT a:443 HTTP/1.1"), 405),
    ("CONNECT with a path", line(b"CONNECT / HTTP/1.1"), 405),
    ("CONNECT under HTTP/1.0", line(b"CONNECT a:443 HTTP/1.0"), 405),
    ("an unknown one", line(b"BREW / HTTP/1.1"), 501),
    ("lower case", line(b"get / HTTP/1.1"), 501),
    ("mixed case", line(b"Post / HTTP/1.1"), 501),
    ("a long one", line(b"A" * 200 + b" / HTTP/1.1"), 501),
    ("a prefix", line(b"GE / HTTP/1.1"), 501),
    ("one letter more", line(b"GETX / HTTP/1.1"), 501),
    ("brackets", line(b"G[T / HTTP/1.1"), 400),
    ("obs-text", line(b"G\xc9T / HTTP/1.1"), 400),
]

TARGETS = [
    # 3.2.2: the absolute form is served for our own host only.
    ("another host", line(b"GET http://b/ HTTP/1.1"), 421),
    ("another port", line(b"GET http://a:81/ HTTP/1.1"), 421),
    ("our name within another", line(b"GET http://a.b/ HTTP/1.1"), 421),
    ("credentials before ours", line(b"GET http://u@a/ HTTP/1.1"), 421),
    ("another host over TLS", line(b"GET https://b/ HTTP/1.1"), 421),
    ("absolute without a host line", b"GET http://a/ HTTP/1.0\r\n\r\n", 421),
    ("a backslash in the authority", line(b"GET http://a\\@b/ HTTP/1.1"), 400),
    ("no authority", line(b"GET http:/// HTTP/1.1"), 400),
    ("a file", line(b"GET file:///etc/passwd HTTP/1.1"), 400),
    ("a script", line(b"GET javascript:x HTTP/1.1"), 400),
    ("gopher", line(b"GET gopher://a/ HTTP/1.1"), 400),
]

EXPECTATIONS = [
    # 9110 10.1.1: there is one; 9110 8.4: bodies come plain.
    ("another expectation", post(b"Expect: 200-ok"), 417),
    ("two expectations", post(b"Expect: 100-continue, x"), 417),
    ("two lines of them", post(b"Expect: 100-continue", b"Expect: x"), 417),
    ("a misspelt one", post(b"Expect: 100 continue"), 417),
    ("a quoted one", post(b'Expect: "100-continue"'), 417),
    ("gzip", post(b"Content-Encoding: gzip", b"Content-Length: 5"), 415),
    ("two codings", post(b"Content-Encoding: gzip, br", b"Content-Length: 5"), 415),
    ("identity, then gzip", post(b"Content-Encoding: identity, gzip", b"Content-Length: 5"), 415),
    ("two lines of codings", post(b"Content-Encoding: identity", b"Content-Encoding: br"), 415),
    ("zstd", post(b"Content-Encoding: zstd", b"Content-Length: 5"), 415),
]

REFUSED = [
    *LENGTHS,
    *REPEATED_LENGTHS,
    *BOTH_FRAMINGS,
    *CODINGS,
    *REPEATED_CODINGS,
    *FIELD_LINES,
    *HOSTS,
    *VERSIONS,
    *REQUEST_LINES,
    *METHODS,
    *TARGETS,
    *EXPECTATIONS,
]

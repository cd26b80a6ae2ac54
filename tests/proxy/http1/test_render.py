import pytest

from proxy.http1.framing import Framing, parse_response_head, render_request, render_response

FRAMED = [
    (b"content-length", b"99"),
    (b"transfer-encoding", b"gzip"),
    (b"connection", b"x-a"),
    (b"keep-alive", b"timeout=5"),
    (b"upgrade", b"h2c"),
    (b"te", b"trailers"),
    (b"trailer", b"x"),
    (b"proxy-authorization", b"x"),
]


def test_a_request_is_rendered_with_its_length_and_nothing_of_another_hop():
    rendered = render_request("POST", b"/a?b", [(b"host", b"h"), *FRAMED, (b"x-a", b"1")], 7)

    assert rendered == b"POST /a?b HTTP/1.1\r\nhost: h\r\nx-a: 1\r\ncontent-length: 7\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "framing", "length", "close", "lines"),
    [
        (200, Framing.LENGTH, 5, False, b"HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 5\r\n\r\n"),
        (
            200,
            Framing.CHUNKED,
            None,
            True,
            b"HTTP/1.1 200 OK\r\nx-a: 1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        ),
        (200, Framing.CLOSE, None, True, b"HTTP/1.1 200 OK\r\nx-a: 1\r\nconnection: close\r\n\r\n"),
        # RFC 9110, 8.6: no length on a 204, the would-be length on HEAD and 304.
        (204, Framing.NONE, 5, False, b"HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n"),
        (
            304,
            Framing.NONE,
            5,
            False,
            b"HTTP/1.1 304 Not Modified\r\nx-a: 1\r\ncontent-length: 5\r\n\r\n",
        ),
        (200, Framing.NONE, None, False, b"HTTP/1.1 200 OK\r\nx-a: 1\r\n\r\n"),
        (529, Framing.LENGTH, 0, False, b"HTTP/1.1 529 \r\nx-a: 1\r\ncontent-length: 0\r\n\r\n"),
    ],
)
def test_a_response_is_framed_as_decided_here(status, framing, length, close, lines):
    rendered = render_response(status, [*FRAMED, (b"x-a", b"1")], framing, length, close=close)

    assert rendered == lines
    assert parse_response_head(rendered, "GET").status == status


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\rb", b"\r\n"])
@pytest.mark.parametrize("where", ["name", "value"])
def test_a_line_break_in_a_header_is_never_sent(value, where):
    field = (value, b"x") if where == "name" else (b"x", value)
    with pytest.raises(ValueError, match="line break"):
        render_request("GET", b"/", [field], 0)
    with pytest.raises(ValueError, match="line break"):
        render_response(200, [field], Framing.LENGTH, 0, close=False)

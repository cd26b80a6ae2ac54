from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http1.framing import FramingError
from proxy.http1.head_buffer import HeadBuffer
from proxy.http1.settings import HttpLimits
from tests.proxy.http1.raw import get, line, post

LIMITS = HttpLimits(head=300, target=100, body=50)


def buffer(*pieces):
    held = HeadBuffer(LIMITS)
    for piece in pieces:
        held.add(piece)
    return held


def take_from(pieces):
    heads = HeadBuffer(LIMITS)
    for piece in pieces:
        heads.add(piece)
        heads.take()


@pytest.mark.parametrize("at", range(len(get())))
def test_a_head_may_come_in_two_pieces(at):
    heads = buffer(get()[:at])
    assert heads.take() is None
    heads.add(get()[at:] + b"rest")

    assert heads.take().target == b"/"
    assert heads.take_rest() == b"rest"
    assert heads.held == b""


def test_heads_are_taken_one_at_a_time():
    heads = buffer(line(b"GET /1 HTTP/1.1") + b"\r\n\r\n" + line(b"GET /2 HTTP/1.1"))

    assert heads.take().target == b"/1"
    assert heads.take().target == b"/2"
    assert heads.take() is None


def test_the_bytes_of_a_body_are_left_for_it():
    heads = buffer(post(b"Content-Length: 3") + b"abc" + get())
    heads.take()

    assert heads.take_rest() == b"abc" + get()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (get(b"X: " + b"a" * 300), 431),
        (line(b"GET /" + b"a" * 100 + b" HTTP/1.1"), 414),
        (line(b"GET /" + b"a" * 400 + b" HTTP/1.1"), 414),
        (b"GET /" + b"a" * 200, 414),
        (post(b"Content-Length: 51"), 413),
        (get()[:-2] + b"X: " + b"a" * 300, 431),
        (b"GET / HTTP/1.1\r\nHost: a\n", 400),
        (b"GET / HTTP/1.1\n", 400),
        (b"\n", 400),
        (b"\r\n\n", 400),
        (b" ", 400),
        (b"\x80", 400),
        (b"GET /\x00", 400),
        (b"\rG", 400),
    ],
)
@pytest.mark.parametrize("step", [1000, 1])
def test_what_can_never_be_a_head_is_not_waited_for(raw, status, step):
    with pytest.raises(FramingError) as refused:
        take_from([raw[at : at + step] for at in range(0, len(raw), step)])

    assert refused.value.status == status


@pytest.mark.parametrize("raw", [b"", b"\r", b"\r\n", b"\r\n\r", b"G", b"GET / HTTP/1.1\r"])
def test_what_may_become_a_head_is_waited_for(raw):
    assert buffer(raw).take() is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", (b"", b"")),
        (b"GET", (b"GET", b"")),
        (b"GET /a", (b"GET", b"/a")),
        (b"GET /a HTTP/9.9\r\nHost: b", (b"GET", b"/a")),
        (b"GET  /a", (b"GET", b"")),
        (b"\x16\x03\x01", (b"\x16\x03\x01", b"")),
    ],
)
def test_a_refusal_is_recorded_with_what_can_be_made_out(raw, expected):
    assert buffer(raw).request_line() == expected


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_random_bytes_raise_nothing_but_framing_errors(pieces):
    with suppress(FramingError):
        take_from(pieces)

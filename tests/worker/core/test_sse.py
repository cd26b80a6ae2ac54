"""Server-sent events out of bytes split anywhere."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.sse import EventReader

STREAM = (
    b": a comment\n\n"
    b"event: one\ndata: {}\n\n"
    b"event: two\r\ndata: a\r\ndata:  b\r\n\r\n"
    b"id: 7\rdata: c\r\r"
    b"event: nothing\n\n"
    b"event: \xc3\xa9\ndata\ndata:\n\n"
    b"event: cut off\ndata: never"
)
EVENTS = [("one", b"{}"), ("two", b"a\n b"), ("", b"c"), ("é", b"\n")]


def read(*chunks: bytes, limit: int = 1000) -> list[tuple[str, bytes]]:
    reader = EventReader(limit)
    return [event for chunk in chunks for event in reader.feed(chunk)]


def test_a_whole_stream_is_read():
    assert read(STREAM) == EVENTS


def test_a_stream_is_read_byte_by_byte():
    assert read(*(bytes([byte]) for byte in STREAM)) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=9).map(sorted))
def test_it_makes_no_difference_where_a_stream_is_split(cuts):
    edges = [0, *cuts, len(STREAM)]
    chunks = [STREAM[a:b] for a, b in itertools.pairwise(edges)]

    assert read(*chunks) == EVENTS


def test_an_event_is_given_by_the_byte_that_ends_it():
    assert read(b"data: x\r\n\r") == [("", b"x")]


def test_an_event_over_the_limit_is_refused_though_it_comes_in_small_pieces():
    with pytest.raises(ValueError, match="over 100 bytes"):
        read(*[b"data: xxxxxxxxxxx\n"] * 9, limit=100)


def test_many_small_events_have_no_limit_together():
    assert len(read(*[b"data: xxxxxxxxxxx\n\n"] * 50, limit=100)) == 50

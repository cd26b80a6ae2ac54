import itertools
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http1.framing import (
    LAST_CHUNK,
    ChunkedDecoder,
    CloseDecoder,
    Framing,
    FramingError,
    LengthDecoder,
    chunk,
    decoder_for,
)

BODY = b'5\r\nhello\r\n1;ext=1\r\n \r\n0000a;q="x y"\r\n0123456789\r\n0\r\nX-T: 1\r\nY:\r\n\r\n'
PAYLOAD = b"hello 0123456789"


def decode(decoder, *pieces):
    return b"".join([decoder.feed(piece) for piece in pieces])


@pytest.mark.parametrize("at", range(len(BODY) + 1))
def test_a_chunked_body_may_be_split_anywhere(at):
    decoder = ChunkedDecoder()
    payload = decode(decoder, BODY[:at], BODY[at:])

    assert payload == PAYLOAD
    assert decoder.done
    assert decoder.rest == b""


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 13])
def test_a_chunked_body_may_come_in_small_pieces(size):
    decoder = ChunkedDecoder()
    pieces = [BODY[at : at + size] for at in range(0, len(BODY), size)]

    assert decode(decoder, *pieces) == PAYLOAD
    assert decoder.done


def test_a_chunked_body_may_be_split_in_any_two_places():
    short = b"3\r\nabc\r\n0\r\n\r\n"
    for one, two in itertools.combinations(range(len(short) + 1), 2):
        decoder = ChunkedDecoder()

        assert decode(decoder, short[:one], short[one:two], short[two:]) == b"abc"
        assert decoder.done


@pytest.mark.parametrize("at", range(len(BODY)))
def test_a_chunked_body_is_not_done_before_its_last_byte(at):
    decoder = ChunkedDecoder()
    decoder.feed(BODY[:at])

    assert not decoder.done


@pytest.mark.parametrize("at", range(1, len(BODY) + 1))
def test_what_comes_after_a_chunked_body_is_not_of_it(at):
    decoder = ChunkedDecoder()
    payload = decode(decoder, BODY[:at], BODY[at:] + b"GET / HT")

    assert (payload, decoder.rest) == (PAYLOAD, b"GET / HT")


@pytest.mark.parametrize(
    "body",
    [
        # RFC 9112, 7.1: one to sixteen hexadecimal digits.
        b"\r\nabc\r\n",
        b"x\r\n",
        b"-3\r\nabc\r\n",
        b"+3\r\nabc\r\n",
        b"0x3\r\nabc\r\n",
        b"3_0\r\nabc\r\n",
        b" 3\r\nabc\r\n",
        b"3 \r\nabc\r\n",
        b"3\t\r\nabc\r\n",
        b"3 ;x\r\nabc\r\n",
        b"3,3\r\nabc\r\n",
        b"3h\r\nabc\r\n",
        b"00000000000000003\r\nabc\r\n",
        b"ffffffffffffffff0\r\n",
        b"\xb3\r\nabc\r\n",
        b"3\x00\r\nabc\r\n",
        # A line ends with CR LF.
        b"3\nabc\r\n",
        b"3\rabc\r\n0\r\n\r\n",
        b"3\r\rabc\r\n\r\n",
        b"3\n\rabc\r\n",
        b"0\n\n",
        b"3;x\nabc\r\n",
        # 7.1.1: an extension holds no control, and is short.
        b"3;a\x00\r\nabc\r\n",
        b"3;a\rb\r\nabc\r\n",
        b"3;a\x7f\r\nabc\r\n",
        b"3;" + b"a" * 300,
        b"3;" + b"a" * 300 + b"\r\nabc\r\n",
        b"0" * 300,
        # A chunk is as long as it says.
        b"3\r\nabcd\r\n",
        b"3\r\nab\r\n0\r\n\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabc\rx0\r\n\r\n",
        b"3\r\nabc0\r\n\r\n",
        b"3\r\nabc\r\r\n",
        # 7.1.2: trailers are field lines, and not many.
        b"0\r\nX\r\n\r\n",
        b"0\r\n: a\r\n\r\n",
        b"0\r\nX : a\r\n\r\n",
        b"0\r\n X: a\r\n\r\n",
        b"0\r\nX: a\x00\r\n\r\n",
        b"0\r\nX: a\rb\r\n\r\n",
        b"0\r\nX: a\n\r\n",
        b"0\r\n\n",
        b"0\r\n\rX",
        b"0\r\nGET / HTTP/1.1\r\n\r\n",
        b"0\r\n" + b"X: a\r\n" * 2000,
        b"0\r\nX: " + b"a" * 9000,
    ],
)
@pytest.mark.parametrize("size", [10_000, 1])
def test_a_malformed_chunk_is_refused_however_it_comes(body, size):
    decoder = ChunkedDecoder()
    body += b"\r\n\r\n"
    with pytest.raises(FramingError) as refused:
        decode(decoder, *[body[at : at + size] for at in range(0, len(body), size)])

    assert refused.value.status == 400


def test_one_whole_chunk_is_given_as_it_is():
    decoder = ChunkedDecoder()

    assert decoder.feed(b"5\r\nhello\r\n") == b"hello"
    assert decoder.feed(b"0\r\n\r\n") == b""
    assert decoder.done


def test_a_done_decoder_takes_no_more_payload():
    decoder = ChunkedDecoder()
    decoder.feed(b"0\r\n\r\n")

    assert decoder.feed(b"5\r\nhello\r\n") == b""
    assert decoder.rest == b"5\r\nhello\r\n"


@pytest.mark.parametrize(
    ("pieces", "payload", "rest", "done"),
    [
        ((b"",), b"", b"", False),
        ((b"ab",), b"ab", b"", False),
        ((b"abc",), b"abc", b"", True),
        ((b"ab", b"c"), b"abc", b"", True),
        ((b"abcd",), b"abc", b"d", True),
        ((b"ab", b"cde"), b"abc", b"de", True),
        ((b"abc", b"de", b"f"), b"abc", b"def", True),
    ],
)
def test_a_declared_length_is_what_is_taken(pieces, payload, rest, done):
    decoder = LengthDecoder(3)

    assert decode(decoder, *pieces) == payload
    assert (decoder.rest, decoder.done) == (rest, done)


def test_a_body_of_no_length_is_done_before_it_begins():
    decoder = LengthDecoder(0)

    assert decoder.done
    assert decoder.feed(b"x") == b""
    assert decoder.rest == b"x"


def test_a_body_that_lasts_until_the_end_is_never_done():
    decoder = CloseDecoder()

    assert decoder.feed(b"abc") == b"abc"
    assert not decoder.done
    assert decoder.ends_at_eof


@pytest.mark.parametrize(
    ("framing", "length", "kind", "done"),
    [
        (Framing.NONE, None, LengthDecoder, True),
        (Framing.NONE, 7, LengthDecoder, True),
        (Framing.LENGTH, 7, LengthDecoder, False),
        (Framing.LENGTH, 0, LengthDecoder, True),
        (Framing.CHUNKED, None, ChunkedDecoder, False),
        (Framing.CLOSE, None, CloseDecoder, False),
    ],
)
def test_each_framing_has_its_decoder(framing, length, kind, done):
    decoder = decoder_for(framing, length)

    assert isinstance(decoder, kind)
    assert decoder.done is done


@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.integers(1, 40), min_size=1))
def test_what_is_chunked_here_is_read_back_however_it_is_split(payloads, sizes):
    wire = b"".join(map(chunk, payloads)) + LAST_CHUNK
    decoder = ChunkedDecoder()
    got, at = b"", 0
    for size in itertools.cycle(sizes):
        if at >= len(wire):
            break
        got += decoder.feed(wire[at : at + size])
        at += size

    assert got == b"".join(payloads)
    assert decoder.done
    assert decoder.rest == b""


@given(st.lists(st.binary(max_size=60)))
def test_random_bytes_raise_nothing_but_framing_errors(pieces):
    decoder = ChunkedDecoder()
    with suppress(FramingError):
        for piece in pieces:
            decoder.feed(piece)


@given(st.integers(0, len(BODY) - 1), st.binary(max_size=3), st.integers(1, len(BODY)))
def test_a_mutated_body_means_the_same_whole_and_in_pieces(at, change, size):
    body = BODY[:at] + change + BODY[at + 1 :]

    def outcome(*pieces):
        decoder = ChunkedDecoder()
        try:
            return decode(decoder, *pieces), decoder.done, decoder.rest
        except FramingError:
            return "refused"

    assert outcome(body) == outcome(*[body[i : i + size] for i in range(0, len(body), size)])

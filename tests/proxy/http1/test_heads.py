from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http1.framing import (
    Framing,
    FramingError,
    parse_request_head,
    parse_response_head,
)
from tests.proxy.http1.hostile import REFUSED
from tests.proxy.http1.hostile_workers import ACCEPTED, UNUSABLE
from tests.proxy.http1.raw import get, line, post
from tests.proxy.http1.served import SERVED


@pytest.mark.parametrize(
    ("raw", "status"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_hostile_head_is_refused(raw, status):
    with pytest.raises(FramingError) as refused:
        parse_request_head(raw)

    assert refused.value.status in (status if isinstance(status, tuple) else (status,))
    assert refused.value.message


@pytest.mark.parametrize(
    ("raw", "target"), [row[1:] for row in SERVED], ids=[row[0] for row in SERVED]
)
def test_a_right_head_is_served_with_its_target_as_sent(raw, target):
    assert parse_request_head(raw).target == target


def test_the_corpus_is_as_large_as_it_claims():
    assert len({raw for _, raw, _ in REFUSED}) >= 180


@pytest.mark.parametrize(
    ("raw", "framing", "length"),
    [
        (get(), Framing.NONE, None),
        (post(b"Content-Length: 0"), Framing.NONE, 0),
        (post(b"Content-Length: 12"), Framing.LENGTH, 12),
        (post(b"Transfer-Encoding: chunked"), Framing.CHUNKED, None),
    ],
)
def test_a_request_body_is_framed_by_length_or_chunks_or_is_not_there(raw, framing, length):
    head = parse_request_head(raw)

    assert (head.framing, head.length) == (framing, length)


@pytest.mark.parametrize(
    ("raw", "keeps"),
    [
        (get(), True),
        (get(b"Connection: keep-alive"), True),
        (get(b"Connection: close"), False),
        (get(b"Connection: Close"), False),
        (get(b"Connection: X, close"), False),
        (get(b"Connection: X", b"Connection: close"), False),
        (get(b"Connection: closed"), True),
        # Keep-alive is never offered to HTTP/1.0.
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
    ],
)
def test_the_connection_is_kept_unless_the_client_says_close_or_is_old(raw, keeps):
    assert parse_request_head(raw).keep_alive is keeps


@pytest.mark.parametrize(
    ("raw", "expects"),
    [
        (post(b"Expect: 100-continue", b"Content-Length: 1"), True),
        (post(b"Expect: 100-Continue", b"Content-Length: 1"), True),
        (post(b"Content-Length: 1"), False),
        # An old client cannot be sent an interim answer.
        (b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", False),
    ],
)
def test_100_continue_is_noticed(raw, expects):
    assert parse_request_head(raw).expect_continue is expects


def test_names_are_lower_case_values_stripped_and_order_and_repetition_kept():
    head = parse_request_head(get(b"X-B: \t1 ", b"x-a: caf\xe9", b"X-B: 2"))

    assert head.headers == [(b"host", b"a"), (b"x-b", b"1"), (b"x-a", b"caf\xe9"), (b"x-b", b"2")]
    assert head.get(b"x-b") == b"1"
    assert head.get_all(b"x-b") == [b"1", b"2"]
    assert head.get(b"x-c") is None


def test_the_target_is_split_at_the_first_question_mark_and_not_decoded():
    head = parse_request_head(line(b"GET /%61/b?c=%3f?d HTTP/1.1"))

    assert (head.path, head.query) == (b"/%61/b", b"c=%3f?d")


@pytest.mark.parametrize(
    ("raw", "method"), [row[1:] for row in UNUSABLE], ids=[row[0] for row in UNUSABLE]
)
def test_an_answer_with_a_doubtful_head_is_refused(raw, method):
    with pytest.raises(FramingError):
        parse_response_head(raw, method)


@pytest.mark.parametrize(
    ("raw", "method", "status", "framing", "keeps"),
    [row[1:] for row in ACCEPTED],
    ids=[row[0] for row in ACCEPTED],
)
def test_an_answers_head_tells_where_its_body_ends(raw, method, status, framing, keeps):
    head = parse_response_head(raw, method)

    assert (head.status, head.framing, head.keep_alive) == (status, framing, keeps)


def test_the_length_of_an_answer_to_head_is_known_though_no_body_comes():
    head = parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "HEAD")

    assert (head.framing, head.length) == (Framing.NONE, 7)


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_framing_errors(raw):
    for parse in (parse_request_head, lambda raw: parse_response_head(raw, "GET")):
        with suppress(FramingError):
            parse(raw + b"\r\n\r\n")


@given(st.sampled_from([row[1] for row in SERVED]), st.data())
def test_a_mutated_head_is_refused_or_has_one_framing(raw, data):
    at = data.draw(st.integers(0, len(raw) - 5))
    mutated = raw[:at] + data.draw(st.binary(max_size=3)) + raw[at + data.draw(st.integers(0, 2)) :]
    try:
        head = parse_request_head(mutated.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    except FramingError:
        return

    names = [name for name, _ in head.headers]
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
    assert (head.framing is Framing.CHUNKED) == (b"transfer-encoding" in names)
    assert head.target.startswith(b"/") or head.target == b"*"

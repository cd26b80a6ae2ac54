import json
import re
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.dialect import Dialect
from proxy.core.sse import KEPT, UNEXPLAINED, StreamScanner
from proxy.core.usage import Usage

MESSAGES, CHAT, RESPONSES = Dialect


def event(name, /, **data):
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def chunk(**data):
    return f"data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def delta(**fields):
    return chunk(choices=[{"index": 0, "delta": fields, "finish_reason": None}])


START = event(
    "message_start",
    message={
        "id": "msg_1",
        "content": [],
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 7,
            "cache_creation_input_tokens": 2,
            "output_tokens": 1,
        },
    },
)
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
DELTA = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "hé\r\n\n"})
BLOCK_END = event("content_block_stop", index=0)
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 42})
STOP = event("message_stop")
PING = event("ping")
ERROR = event("error", error={"type": "overloaded_error", "message": "full"})
WHOLE = START + PING + BLOCK + DELTA * 3 + BLOCK_END + END + STOP

FIRST = delta(role="assistant", content="")
WORDS = delta(content="hello")
FINISH = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=None)
SPENT = chunk(
    choices=[],
    usage={
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 2},
    },
)
DONE = b"data: [DONE]\n\n"
CHAT_ERROR = chunk(error={"message": "m", "type": "server_error", "param": None, "code": None})
CHAT_WHOLE = FIRST + WORDS * 3 + FINISH + SPENT + DONE

CREATED = event("response.created", response={"usage": None})
ITEM = event("response.output_item.added", item={})
TEXT = event("response.output_text.delta", delta="hello")
COMPLETED = event(
    "response.completed",
    response={"usage": {"input_tokens": 5, "output_tokens": 6, "input_tokens_details": {}}},
)
RESPONSES_WHOLE = CREATED + ITEM + TEXT * 3 + COMPLETED


def scanned(dialect, *payloads):
    scanner = StreamScanner(dialect)
    for payload in payloads:
        scanner.feed(payload)
    return scanner


def seen(scanner):
    return (
        scanner.content,
        scanner.terminal,
        scanner.failure,
        scanner.failure_first,
        scanner.usage,
        scanner.between_events,
    )


@pytest.mark.parametrize(
    ("dialect", "stream", "content"),
    [
        (MESSAGES, START, False),
        (MESSAGES, START + PING, False),
        (MESSAGES, b": comment\n\n", False),
        (MESSAGES, START + BLOCK, True),
        (MESSAGES, DELTA, True),
        (MESSAGES, START + END, True),
        (MESSAGES, START + STOP, True),
        (MESSAGES, ERROR, False),
        (MESSAGES, b'data: {"type":"content_block_delta","index":0}\n\n', True),
        (MESSAGES, b'data: {"type":"message_start"}\n\n', False),
        (MESSAGES, BLOCK.removesuffix(b"\n"), False),
        (CHAT, FIRST, False),
        (CHAT, WORDS, True),
        (CHAT, delta(reasoning="hm"), True),
        (CHAT, delta(reasoning_content="hm"), True),
        (CHAT, delta(refusal="no"), True),
        (CHAT, delta(tool_calls=[{"index": 0}]), True),
        (CHAT, delta(tool_calls=[]), False),
        (CHAT, FINISH, True),
        (CHAT, chunk(choices=[{"text": "hello"}]), True),
        (CHAT, SPENT, False),
        (CHAT, DONE, False),
        (CHAT, CHAT_ERROR, False),
        (RESPONSES, CREATED, False),
        (RESPONSES, ITEM, True),
        (RESPONSES, TEXT, True),
        (RESPONSES, COMPLETED, True),
    ],
)
def test_content_is_what_a_client_waits_for(dialect, stream, content):
    assert scanned(dialect, stream).content is content


@pytest.mark.parametrize(
    ("dialect", "stream", "terminal"),
    [
        (MESSAGES, WHOLE, True),
        (MESSAGES, WHOLE.removesuffix(STOP), False),
        (MESSAGES, WHOLE.removesuffix(b"\n"), False),
        (MESSAGES, WHOLE + DONE, True),
        (CHAT, CHAT_WHOLE, True),
        (CHAT, CHAT_WHOLE.removesuffix(DONE), False),
        (CHAT, b"data:[DONE]\n\n", True),
        (RESPONSES, RESPONSES_WHOLE, True),
        (RESPONSES, RESPONSES_WHOLE.removesuffix(COMPLETED), False),
        (RESPONSES, event("response.incomplete", response={}), True),
        (RESPONSES, event("response.failed", response={}), True),
    ],
)
def test_a_stream_has_ended_only_after_its_terminal_event(dialect, stream, terminal):
    assert scanned(dialect, stream).terminal is terminal


@pytest.mark.parametrize(
    ("dialect", "error", "words"),
    [
        (MESSAGES, ERROR, START + DELTA),
        (MESSAGES, b'data: {"type":"error","error":{"type":"api_error"}}\n\n', START + DELTA),
        (CHAT, CHAT_ERROR, FIRST + WORDS),
        (CHAT, b"event: error\n" + CHAT_ERROR, FIRST + WORDS),
        (RESPONSES, event("error", code="server_error", message="m"), CREATED + TEXT),
    ],
)
def test_a_failure_is_told_with_its_data_and_whether_it_came_first(dialect, error, words):
    data = re.search(rb"data: (.*)\n\n", error)[1]
    first, later = scanned(dialect, error, words), scanned(dialect, words, error)

    assert (first.failure, first.failure_first) == (data, True)
    assert (later.failure, later.failure_first) == (data, False)


def test_the_first_failure_stands():
    second = event("error", error={"type": "api_error", "message": "second"})

    assert b"overloaded" in scanned(MESSAGES, ERROR + second).failure


@pytest.mark.parametrize(
    "data", [b"", b"data: oops\n", b'data: {"type":"error"\n', b"data: " + b"x" * 100_000 + b"\n"]
)
def test_a_failure_that_cannot_be_read_is_a_failure_all_the_same(data):
    assert scanned(MESSAGES, b"event: error\n" + data + b"\n").failure == UNEXPLAINED


@pytest.mark.parametrize(
    ("dialect", "stream", "usage"),
    [
        (MESSAGES, START, Usage(10, 1, 7, 2)),
        (MESSAGES, WHOLE, Usage(10, 42, 7, 2)),
        (
            MESSAGES,
            START + event("message_delta", usage={"input_tokens": 12, "output_tokens": 3}),
            Usage(12, 3, 7, 2),
        ),
        (MESSAGES, START + event("message_delta", usage={"output_tokens": -3}), Usage(10, 1, 7, 2)),
        (CHAT, CHAT_WHOLE, Usage(7, 4, 2)),
        (CHAT, CHAT_WHOLE.removesuffix(SPENT + DONE), Usage()),
        (RESPONSES, RESPONSES_WHOLE, Usage(5, 6)),
    ],
)
def test_usage_is_the_last_word_on_each_figure(dialect, stream, usage):
    assert scanned(dialect, stream).usage == usage


@pytest.mark.parametrize(
    "words",
    [
        'say "usage" and "error"',
        '{"error":{"type":"x"}}',
        '"usage":null',
        "data: [DONE]",
        "event: error",
    ],
)
@pytest.mark.parametrize(
    ("dialect", "wrap"),
    [
        (MESSAGES, lambda words: event("content_block_delta", delta={"text": words})),
        (CHAT, lambda words: delta(content=words)),
        (RESPONSES, lambda words: event("response.output_text.delta", delta=words)),
    ],
)
def test_words_in_an_answer_are_only_words(dialect, wrap, words):
    scanner = scanned(dialect, wrap("hello"), wrap(words), wrap(words) * 2)

    assert (scanner.failure, scanner.terminal, scanner.usage) == (None, False, Usage())


def test_usage_is_found_among_chunks_that_say_they_have_none():
    busy = chunk(choices=[{"delta": {"content": "x"}}], usage=None)
    spent = chunk(choices=[{"delta": {"content": "x"}}], usage={"prompt_tokens": 3})

    assert scanned(CHAT, busy, busy, busy + spent + busy, busy).usage == Usage(3)


@pytest.mark.parametrize(
    "hidden",
    [
        DELTA.replace(b"\n\n", b"\nevent: error\n\n"),
        DELTA.removesuffix(b"\n\n") + b"\r\revent: error\rdata: {}\r\r",
        DELTA.replace(
            b"event: content_block_delta\n", b"event: content_block_delta\nevent: error\n"
        ),
        DELTA + ERROR,
        b"\n" + ERROR,
    ],
)
def test_nothing_hides_behind_an_event_that_looks_plain(hidden):
    assert scanned(MESSAGES, DELTA, hidden).failure is not None


@pytest.mark.parametrize(
    ("payload", "between"),
    [
        (b"", True),
        (DELTA, True),
        (DELTA[:-1], False),
        (DELTA + b"e", False),
        (DELTA + b"\n\n", True),
        (DELTA.replace(b"\n", b"\r"), True),
        (b": comment\n", False),
    ],
)
def test_something_may_be_put_in_only_between_events(payload, between):
    assert scanned(MESSAGES, payload).between_events is between


STREAMS = [
    (MESSAGES, WHOLE),
    (MESSAGES, START + ERROR),
    (CHAT, CHAT_WHOLE),
    (CHAT, FIRST + CHAT_ERROR),
    (RESPONSES, RESPONSES_WHOLE),
]


@pytest.mark.parametrize(("dialect", "stream"), STREAMS)
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_a_stream_in_single_bytes_says_the_same_as_whole(dialect, stream, ending):
    stream = stream.replace(b"\n", ending)
    bytewise = scanned(dialect, *(stream[i : i + 1] for i in range(len(stream))))

    assert seen(bytewise) == seen(scanned(dialect, stream))
    assert bytewise.between_events
    assert bytewise.terminal or bytewise.failure


@given(
    st.sampled_from(STREAMS),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(0, 2000), max_size=12),
)
def test_where_a_stream_is_cut_makes_no_difference(stream, ending, cuts):
    dialect, whole = stream
    whole = whole.replace(b"\n", ending)
    edges = [0, *sorted(cut % len(whole) for cut in cuts), len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(edges)]

    assert seen(scanned(dialect, *pieces)) == seen(scanned(dialect, whole))


FRAGMENTS = st.sampled_from(
    [
        b"\r",
        b"\n",
        b"\r\n",
        b"event: error",
        b"event: message_stop",
        b"data: {}",
        b": c",
        b"data",
        b"x",
    ]
)


@given(st.lists(FRAGMENTS, max_size=20), st.data())
@settings(max_examples=300)
def test_odd_lines_are_read_as_the_standard_has_it(fragments, data):
    whole = b"".join(fragments)
    cut = data.draw(st.integers(0, len(whole)))
    events = re.split(rb"\n\n+", re.sub(rb"\r\n|\r", b"\n", whole))[:-1]
    names = [
        [
            line.removeprefix(b"event: ")
            for line in lines.split(b"\n")
            if line.startswith(b"event: ")
        ]
        for lines in events
    ]
    last_names = {found[-1] for found in names if found}

    scanner = scanned(MESSAGES, whole[:cut], whole[cut:])

    assert scanner.terminal is (b"message_stop" in last_names)
    assert (scanner.failure is not None) is (b"error" in last_names)


@given(st.lists(st.binary(max_size=50), max_size=10), st.sampled_from(Dialect))
def test_nothing_at_all_upsets_it(payloads, dialect):
    scanner = scanned(dialect, *payloads)

    assert not scanner.content or dialect is CHAT


@pytest.mark.parametrize("dialect", Dialect)
def test_a_line_of_eight_mebibytes_takes_little_memory(dialect):
    starts = {MESSAGES: DELTA, CHAT: WORDS, RESPONSES: TEXT}
    scanner = scanned(dialect, starts[dialect], starts[dialect][:-4])
    piece = b"x" * 65_536
    tracemalloc.start()
    for _ in range(128):
        scanner.feed(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    scanner.feed(b'"}\n\n')

    assert peak < 4 * KEPT[RESPONSES]
    assert scanner.between_events
    assert scanner.failure is None


@pytest.mark.parametrize("dialect", Dialect)
def test_an_event_after_one_of_eight_mebibytes_is_seen(dialect):
    last = {MESSAGES: STOP, CHAT: DONE, RESPONSES: COMPLETED}
    scanner = scanned(dialect, b"data: " + b"x" * (8 << 20), b"x\r", b"\n\r\n" + last[dialect])

    assert scanner.terminal


def test_a_chunk_too_long_to_be_read_is_content():
    assert scanned(CHAT, delta(content="x" * 100_000)[:-10], b'"}}]}\n\n').content

"""Chunks as the events of a message."""

import json

import msgspec
import pytest

from tests.worker.openai_rig import HELLO, USAGE, call, chunk, completion, counted
from worker.core.message import assemble
from worker.core.openai_chunk import Chunk, Completion
from worker.core.openai_stream import ChatReader


def events(*chunks):
    reader = ChatReader("t1", "m", asked=40)
    taken = [msgspec.convert(each, Chunk) for each in chunks if each != "[DONE]"]
    found = [frame for each in taken for frame in reader.feed(each)]
    assert reader.finished
    found += reader.end()
    for name, data in found:
        assert json.loads(data)["type"] == name
    return [json.loads(data) for _, data in found]


def message(*chunks):
    return json.loads(assemble(json.dumps(event).encode() for event in events(*chunks)))


def content(*chunks, finish="stop"):
    return message(*chunks, chunk(finish))["content"]


def used(call_id, **given):
    return {"type": "tool_use", "id": call_id, "name": "see", "input": given}


def test_a_stream_of_text():
    assert events(*HELLO) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_t1",
                "type": "message",
                "role": "assistant",
                "model": "m",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 0, "output_tokens": 0},
            },
        },
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": part},
            }
            for part in ("hel", "lo")
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {
                "input_tokens": 7,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 5,
                "output_tokens": 3,
            },
        },
        {"type": "message_stop"},
    ]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_thinking_that_nobody_signed(name):
    assert content(chunk(**{name: "h"}), chunk(**{name: "m"}), chunk(content="Yes.")) == [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "Yes."},
    ]


@pytest.mark.parametrize(
    "deltas",
    [
        # As OpenAI does: numbered, named once, in parts.
        [
            [call(0, "see", id="a")],
            [call(0, None, '{"at":')],
            [call(0, None, '"x"}')],
            [call(1, "see", id="b")],
            [call(1, None, "{}")],
        ],
        # Whole calls at once, all in one chunk.
        [[call(0, "see", '{"at":"x"}', id="a"), call(1, "see", "{}", id="b")]],
        # Whole calls that all bear the number 0.
        [[call(0, "see", '{"at":"x"}', id="a")], [call(0, "see", "{}", id="b")]],
        # No numbers at all.
        [[call(None, "see", '{"at":"x"}', id="a")], [call(None, "see", "", id="b")]],
        # The name and id again with every part.
        [
            [call(0, "see", '{"at":', id="a")],
            [call(0, "see", '"x"}', id="a")],
            [call(1, "see", "{}", id="b")],
        ],
    ],
)
def test_calls_as_servers_tell_them(deltas):
    chunks = [chunk(tool_calls=calls) for calls in deltas]
    indexes = [
        event["index"]
        for event in events(*chunks, chunk("tool_calls"))
        if event["type"] == "content_block_start"
    ]

    assert content(*chunks, finish="tool_calls") == [used("a", at="x"), used("b")]
    assert indexes == [0, 1]


def test_calls_without_any_id_get_one_each():
    first, second = content(
        chunk(tool_calls=[call(0, "see", '{"at":"x"}', id="")]),
        chunk(tool_calls=[call(0, "see", "{}")]),
    )

    assert (first["input"], second["input"]) == ({"at": "x"}, {})
    assert first["id"] != second["id"]


@pytest.mark.parametrize(
    "chunks",
    [
        # A call that nobody began, one that is told in turns with another, and a broken one.
        [chunk(tool_calls=[call(0, None, "{}")])],
        [
            chunk(tool_calls=[call(0, "see", "{", id="a")]),
            chunk(tool_calls=[call(1, "see", "", id="b")]),
        ],
        [
            chunk(tool_calls=[call(0, "see", "{}", id="a")]),
            chunk(tool_calls=[call(1, "see", "{}", id="b")]),
            chunk(tool_calls=[call(0, None, "{}")]),
        ],
        [chunk(tool_calls=[call(0, "see", '{"at":', id="a")])],
        [chunk(tool_calls=[call(0, "see", "[1]", id="a")])],
    ],
)
def test_calls_that_make_no_sense_are_no_answer(chunks):
    with pytest.raises(ValueError, match=r".+"):
        events(*chunks, chunk("tool_calls"))


def test_a_call_that_is_cut_off_at_the_limit_says_so():
    found = message(chunk(tool_calls=[call(0, "see", '{"at":', id="a")]), chunk("length"))

    assert found["stop_reason"] == "max_tokens"


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("eos", "end_turn"),
    ],
)
def test_why_an_answer_ended(finish, reason):
    assert message(chunk(content="x"), chunk(finish))["stop_reason"] == reason


@pytest.mark.parametrize("finish", ["stop", "tool_calls", "function_call"])
def test_an_answer_that_calls_ends_for_its_calls(finish):
    found = message(chunk(tool_calls=[call(0, "see", "{}", id="a")]), chunk(finish))

    assert found["stop_reason"] == "tool_use"


def test_a_refusal_is_told_in_its_words():
    found = message(chunk(refusal="I will not."), chunk("stop"))

    assert found["stop_reason"] == "refusal"
    assert found["content"] == [{"type": "text", "text": "I will not."}]


@pytest.mark.parametrize(("told", "sequence"), [("zzz", "zzz"), (151645, None), (None, None)])
def test_the_stop_sequence_is_told_where_the_upstream_tells_it(told, sequence):
    last = chunk("stop")
    last["choices"][0]["stop_reason"] = told
    found = message(chunk(content="x"), last)

    assert found["stop_sequence"] == sequence
    assert found["stop_reason"] == ("stop_sequence" if sequence else "end_turn")


def test_usage_that_nobody_told_is_an_estimate_and_says_so():
    found = message(chunk(content="x" * 35), chunk("stop"))

    assert found["usage"]["estimated"] is True
    assert (found["usage"]["input_tokens"], found["usage"]["output_tokens"]) == (40, 10)


def test_the_last_usage_counts():
    found = message(
        counted(prompt_tokens=12, completion_tokens=1),
        chunk("stop"),
        counted(prompt_tokens=12, completion_tokens=8, prompt_tokens_details=None),
    )

    assert (found["usage"]["input_tokens"], found["usage"]["output_tokens"]) == (12, 8)


def test_a_whole_completion_is_read_as_one_chunk():
    told = completion(
        "tool_calls",
        content="Let me see.",
        reasoning_content="hm",
        tool_calls=[call(None, "see", "{}", id="a")],
    )
    reader = ChatReader("t1", "m", asked=0)
    frames = [*reader.feed(msgspec.convert(told, Completion)), *reader.end()]
    found = json.loads(assemble(data for _, data in frames))

    assert [block["type"] for block in found["content"]] == ["thinking", "text", "tool_use"]
    assert found["usage"]["output_tokens"] == USAGE["completion_tokens"]


def test_nothing_is_finished_before_it_says_why():
    reader = ChatReader("t1", "m", asked=0)
    for each in HELLO[:3]:
        list(reader.feed(msgspec.convert(each, Chunk)))

    assert not reader.finished

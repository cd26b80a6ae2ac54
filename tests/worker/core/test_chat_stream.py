"""The events of a message as chunks."""

import json

import pytest
from openai.types.chat import ChatCompletionChunk

from tests.worker.rig import BLOCK, END, HELLO, MESSAGE, START, STOP, event, text
from worker.core.chat_stream import ChatStream

COUNTED = {
    "prompt_tokens": 3,
    "completion_tokens": 2,
    "total_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
}


def chunks(events, *, own_usage=False):
    stream = ChatStream(1_790_000_000, own_usage=own_usage)
    *found, done = [data for event in events for data in stream.feed(event.data)]
    assert done == b"[DONE]"
    for chunk in found:
        ChatCompletionChunk.model_validate_json(chunk)
    return [json.loads(chunk) for chunk in found]


def deltas(*events):
    found = chunks([START, *events, STOP])
    return [chunk["choices"][0]["delta"] for chunk in found[1:-1]]


def block(index, kind, **fields):
    return event("content_block_start", index=index, content_block={"type": kind, **fields})


def delta(index, kind, **fields):
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def ended(index):
    return event("content_block_stop", index=index)


def argued(index, part):
    return {"tool_calls": [{"index": index, "function": {"arguments": part}}]}


def test_a_stream_of_text():
    found = chunks(HELLO)
    choices = [chunk["choices"][0] for chunk in found]

    assert [(choice["delta"], choice["finish_reason"]) for choice in choices] == [
        ({"role": "assistant", "content": "", "refusal": None}, None),
        ({"content": "hello"}, None),
        ({}, "stop"),
    ]
    assert {chunk["object"] for chunk in found} == {"chat.completion.chunk"}
    assert {(c["id"], c["model"], c["created"]) for c in found} == {
        (MESSAGE["id"], MESSAGE["model"], 1_790_000_000)
    }


def test_usage_stands_on_the_last_chunk():
    assert [chunk["usage"] for chunk in chunks(HELLO)] == [None, None, COUNTED]


def test_usage_has_a_chunk_of_its_own_where_that_is_asked_for():
    *others, last = chunks(HELLO, own_usage=True)

    assert {chunk["usage"] for chunk in others} == {None}
    assert (last["choices"], last["usage"]) == ([], COUNTED)


def test_figures_that_come_late_count_and_missing_ones_stay():
    late = event(
        "message_delta",
        delta={"stop_reason": "max_tokens"},
        usage={"output_tokens": 9, "input_tokens": None, "cache_read_input_tokens": 4},
    )
    last = chunks([START, BLOCK, text("x"), late, STOP])[-1]

    assert last["choices"][0]["finish_reason"] == "length"
    assert (last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]) == (7, 9)


def test_nothing_is_finished_before_the_message_is():
    stream = ChatStream(0, own_usage=False)
    early = [data for event in HELLO[:-1] for data in stream.feed(event.data)]
    last, _ = stream.feed(STOP.data)

    assert not [data for data in early if json.loads(data)["choices"][0]["finish_reason"]]
    assert json.loads(last)["choices"][0]["finish_reason"] == "stop"


def test_calls_are_numbered_apart_from_other_blocks():
    found = deltas(
        BLOCK,
        text("Let me see."),
        ended(0),
        block(1, "tool_use", id="toolu_1", name="see", input={}),
        delta(1, "input_json_delta", partial_json=""),
        delta(1, "input_json_delta", partial_json='{"at":'),
        delta(1, "input_json_delta", partial_json='"x"}'),
        ended(1),
        block(2, "tool_use", id="toolu_2", name="go", input={}),
        ended(2),
    )

    begun = [
        {
            "index": index,
            "id": f"toolu_{index + 1}",
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        for index, name in enumerate(("see", "go"))
    ]
    assert found == [
        {"content": "Let me see."},
        {"tool_calls": [begun[0]]},
        argued(0, '{"at":'),
        argued(0, '"x"}'),
        {"tool_calls": [begun[1]]},
        # A call without arguments has an object of none: clients parse what they get.
        argued(1, "{}"),
    ]


def test_arguments_may_come_with_the_start_of_a_call():
    found = deltas(block(0, "tool_use", id="t", name="see", input={"at": "x"}), ended(0))

    assert found[1:] == [argued(0, '{"at":"x"}')]


def test_thinking_is_reasoning_without_its_signature():
    found = deltas(
        block(0, "thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="hm"),
        delta(0, "signature_delta", signature="s"),
        ended(0),
        block(1, "redacted_thinking", data="secret"),
        ended(1),
    )

    assert found == [{"reasoning_content": "hm"}]


@pytest.mark.parametrize(
    "events",
    [
        (event("ping"),),
        (event("event_of_tomorrow", delta={"text": 1}),),
        (
            block(0, "server_tool_use", id="s", name="web_search", input={}),
            delta(0, "input_json_delta", partial_json="{}"),
            ended(0),
        ),
    ],
)
def test_what_has_no_words_here_is_left_out(events):
    assert deltas(*events) == []


def test_the_whole_is_the_sum_of_its_deltas():
    words = ["e", "in", " \U0001f642", "s\n\n", "data: x"]
    found = deltas(BLOCK, *map(text, words), *END[:-1])

    assert "".join(d.get("content", "") for d in found) == "".join(words)

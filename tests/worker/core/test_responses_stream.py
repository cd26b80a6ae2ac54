import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.message import assemble
from worker.core.responses_answer import response
from worker.core.responses_head import Head
from worker.core.responses_stream import ResponseStream

TEXT = {"type": "text", "text": "a heron"}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
CALL = {"type": "tool_use", "id": "c1", "name": "see", "input": {"at": "the lake"}}
EMPTY = {"text": "", "thinking": "", "signature": ""}
DELTAS = {"text": "text_delta", "thinking": "thinking_delta", "signature": "signature_delta"}


def head(**fields):
    return Head("resp_" + "0" * 48, 7, "m", summary=True, encrypted=True, **fields)


def payloads(blocks, reason="end_turn"):
    """The events of a message, one delta for each string."""
    begun = {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(blocks):
        opened = {**block, **{key: "" for key in EMPTY if key in block}}
        opened |= {"input": {}} if "input" in block else {}
        yield {"type": "content_block_start", "index": index, "content_block": opened}
        for key, kind in DELTAS.items():
            if block.get(key):
                delta = {"type": kind, key: block[key]}
                yield {"type": "content_block_delta", "index": index, "delta": delta}
        if "input" in block:
            delta = {"type": "input_json_delta", "partial_json": written(block["input"])}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    usage = {"output_tokens": 5}
    yield {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}
    yield {"type": "message_stop"}


def written(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def events(blocks, reason="end_turn", of=None):
    stream = ResponseStream(of or head())
    encoded = [json.dumps(payload).encode() for payload in payloads(blocks, reason)]
    return [(name, json.loads(data)) for each in encoded for name, data in stream.feed(each)]


def names(found):
    return [name.removeprefix("response.") for name, _ in found]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            TEXT,
            "content_part.added output_text.delta output_text.done content_part.done",
        ),
        (
            {"type": "text", "text": ""},
            "content_part.added output_text.done content_part.done",
        ),
        (CALL, "function_call_arguments.delta function_call_arguments.done"),
        (CALL | {"input": {}}, "function_call_arguments.delta function_call_arguments.done"),
        (
            THOUGHT,
            (
                "reasoning_summary_part.added reasoning_summary_text.delta "
                "reasoning_summary_text.done reasoning_summary_part.done"
            ),
        ),
        ({"type": "redacted_thinking", "data": "d"}, ""),
    ],
)
def test_every_kind_of_block_is_an_item_with_events_of_its_own(block, expected):
    found = events([block])
    item = [
        "created",
        "in_progress",
        "output_item.added",
        *expected.split(),
        "output_item.done",
        "completed",
    ]

    assert names(found) == item
    assert [data["type"] for _, data in found] == [name for name, _ in found]
    assert [data["sequence_number"] for _, data in found] == list(range(len(found)))


def test_what_is_nothing_in_this_dialect_leaves_no_gap():
    found = events([{"type": "server_tool_use", "id": "s", "name": "n", "input": {"a": 1}}, TEXT])
    added = [data["output_index"] for name, data in found if name.endswith("item.added")]

    assert added == [0]
    assert len(found[-1][1]["response"]["output"]) == 1


def test_only_the_last_item_of_an_answer_that_was_cut_is_incomplete():
    found = events([TEXT, CALL], "max_tokens")
    done = [data["item"]["status"] for name, data in found if name.endswith("item.done")]

    assert done == ["completed", "incomplete"]
    assert found[-1][0] == "response.incomplete"


def test_a_failure_carries_on_the_numbers():
    stream = ResponseStream(head())
    started = list(stream.feed(b'{"type":"message_start","message":{}}'))
    name, data = stream.failed("api_error", "broke")
    told = json.loads(data)

    assert (name, told["sequence_number"]) == ("error", len(started))
    assert told["error"]["message"] == told["message"] == "broke"


WORDS = st.text(max_size=8)
BLOCKS = st.one_of(
    st.builds(lambda words: TEXT | {"text": words}, WORDS),
    st.builds(lambda words: THOUGHT | {"thinking": words}, WORDS),
    st.builds(lambda given: CALL | {"input": given}, st.dictionaries(WORDS, WORDS, max_size=2)),
)


@given(
    st.lists(BLOCKS, max_size=4),
    st.sampled_from(["end_turn", "max_tokens", "refusal", "tool_use"]),
    st.booleans(),
)
def test_a_stream_ends_with_what_the_whole_answer_says(blocks, reason, form):
    of = head(json=form)
    *_, (_, last) = events(blocks, reason, of)
    whole = assemble(json.dumps(payload).encode() for payload in payloads(blocks, reason))

    assert last["response"] == json.loads(response(of, whole))

import json

from worker.core.message import MessageBuilder, assemble

MESSAGE = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "content": [],
    "stop_reason": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}


def payload(kind: str, **fields: object) -> bytes:
    return json.dumps({"type": kind, **fields}).encode()


def block(index: int, *deltas: dict, **start: object) -> list[bytes]:
    return [
        payload("content_block_start", index=index, content_block=start),
        *(payload("content_block_delta", index=index, delta=delta) for delta in deltas),
        payload("content_block_stop", index=index),
    ]


def text(words: str) -> dict:
    return {"type": "text_delta", "text": words}


def json_part(words: str) -> dict:
    return {"type": "input_json_delta", "partial_json": words}


def message(*blocks: list[bytes]) -> dict:
    end = payload(
        "message_delta",
        delta={"stop_reason": "end_turn", "stop_sequence": None},
        usage={"output_tokens": 9, "input_tokens": None},
    )
    start = payload("message_start", message=MESSAGE)
    flat = [event for events in blocks for event in events]
    return json.loads(assemble([start, *flat, end, payload("message_stop")]))


def test_the_message_says_what_its_stream_says():
    found = message(block(0, text("hel"), text("lo"), type="text", text=""))

    assert found == MESSAGE | {
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 9},
    }


def test_thinking_keeps_its_signature():
    found = message(
        block(
            0,
            {"type": "thinking_delta", "thinking": "so"},
            {"type": "signature_delta", "signature": "sig"},
            type="thinking",
            thinking="",
            signature="",
        )
    )

    assert found["content"] == [{"type": "thinking", "thinking": "so", "signature": "sig"}]


def test_the_input_of_a_tool_is_put_together():
    tool = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
    found = message(block(0, json_part('{"at":'), json_part('"a"}'), **tool), block(1, **tool))

    assert [item["input"] for item in found["content"]] == [{"at": "a"}, {}]


def test_an_input_that_was_cut_off_is_empty():
    tool = {"type": "tool_use", "id": "t", "name": "look", "input": {}}

    assert message(block(0, json_part('{"at":"'), **tool))["content"] == [tool]


def test_citations_are_kept():
    delta = {"type": "citations_delta", "citation": {"cited_text": "x"}}
    found = message(block(0, text("a"), delta, delta, type="text", text=""))

    assert found["content"][0]["citations"] == [{"cited_text": "x"}] * 2


def test_blocks_and_deltas_of_tomorrow_are_no_trouble():
    found = message(
        block(0, {"type": "new_delta", "x": 1}, type="new_block"),
        [payload("new_event", index=4)],
    )

    assert found["content"] == [{"type": "new_block"}]


def test_the_content_can_be_read_on_the_way():
    builder = MessageBuilder()
    for event in block(0, text("half"), type="text", text="")[:2]:
        builder.add(event)

    assert builder.content() == [{"type": "text", "text": "half"}]

import json

from simulator.answers import Answer, Part
from simulator.events import Reply, stream_events, whole_message
from simulator.prompt import sign

PARTS = (
    Part("thinking", "let me see"),
    Part("text", "hello there"),
    Part("tool_use", '{"path":"a long path"}', "toolu_1", "read"),
)
REPLY = Reply("msg_1", "claude-x", Answer(PARTS, "tool_use", None, 9), {"input_tokens": 5})


def parsed():
    for piece in stream_events(REPLY):
        head, data, *rest = piece.data.decode().split("\n")
        assert (head, rest) == (f"event: {piece.name}", ["", ""])
        yield piece.name, json.loads(data.removeprefix("data: "))


def assembled():
    blocks = []
    for name, data in parsed():
        if name == "content_block_start":
            blocks.append(data["content_block"] | {"json": ""})
        if name == "content_block_delta":
            block, delta = blocks[data["index"]], data["delta"]
            block["json"] += delta.get("partial_json", "")
            for field in ("text", "thinking", "signature"):
                if field in delta:
                    block[field] += delta[field]
    return blocks


def test_a_stream_begins_and_ends_as_the_api_says():
    events = list(parsed())

    assert [name for name, _ in events[:3]] == ["message_start", "ping", "content_block_start"]
    assert [name for name, _ in events[-2:]] == ["message_delta", "message_stop"]
    assert events[0][1]["message"]["content"] == []
    assert events[-2][1]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert events[-2][1]["usage"]["output_tokens"] == 9


def test_the_deltas_of_a_stream_add_up_to_the_whole_message():
    thinking, text, tool = assembled()

    assert (thinking["thinking"], thinking["signature"]) == ("let me see", sign("let me see"))
    assert text["text"] == "hello there"
    assert (tool["input"], json.loads(tool["json"])) == ({}, {"path": "a long path"})


def test_a_whole_message_holds_the_same_blocks():
    message = json.loads(whole_message(REPLY))

    assert [block["type"] for block in message["content"]] == ["thinking", "text", "tool_use"]
    assert message["content"][2]["input"] == {"path": "a long path"}
    assert (message["stop_reason"], message["usage"]["output_tokens"]) == ("tool_use", 9)

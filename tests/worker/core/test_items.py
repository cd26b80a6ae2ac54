"""What was said, as an OpenAI conversation has it."""

from dataclasses import replace

import pytest
from openai.types.conversations import ConversationItem
from pydantic import TypeAdapter

from worker.core.items import items_of
from worker.core.thread import Said

IMAGE = {"type": "base64", "media_type": "image/png", "data": "aGk="}
FILE = {"type": "document", "source": {"type": "base64", "media_type": "a/pdf", "data": "aGk="}}
RESULT = {"type": "tool_result", "tool_use_id": "t1"}


def said(role, *content):
    return Said("5", None, 0.0, role, content)


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (
            said("user", {"type": "text", "text": "hi"}, {"type": "image", "source": IMAGE}),
            [("message", ["input_text", "input_image"])],
        ),
        (said("user", FILE), [("message", ["input_file"])]),
        (
            said(
                "assistant",
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "text", "text": "let me see"},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "it"}},
                {"type": "text", "text": "so"},
            ),
            [
                ("reasoning", ["reasoning_text"]),
                ("message", ["output_text"]),
                ("function_call", []),
                ("message", ["output_text"]),
            ],
        ),
        (
            said("user", RESULT | {"content": "it"}, RESULT | {"content": [FILE]}, RESULT),
            [("function_call_output", [])] * 3,
        ),
        (said("assistant", {"type": "redacted_thinking", "data": "x"}), []),
    ],
)
def test_each_thing_said_is_an_item_that_the_sdk_knows(heard, expected):
    items = items_of([heard])
    for item in items:
        known = TypeAdapter(ConversationItem).validate_python(item)
        assert known.type == item["type"]

    found = [(i["type"], [part["type"] for part in i.get("content", [])]) for i in items]
    assert found == expected
    assert len({item["id"] for item in items}) == len(items)


def test_a_message_that_was_cut_off_is_incomplete():
    heard = replace(said("assistant", {"type": "text", "text": "so"}), complete=False)

    assert [item["status"] for item in items_of([heard])] == ["incomplete"]


def test_a_call_and_its_output_keep_their_words():
    call = {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "é"}}
    made, answered = items_of([said("assistant", call), said("user", RESULT | {"content": "it"})])

    assert (made["call_id"], made["name"], made["arguments"]) == ("t1", "look", '{"at":"é"}')
    assert (answered["call_id"], answered["output"]) == ("t1", "it")

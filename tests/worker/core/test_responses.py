import json

import pytest

from worker.core.reasoning import sealed
from worker.core.responses import Past, past_of, to_messages
from worker.core.responses_request import decode_responses
from worker.core.thread import Exchange
from worker.core.translation import JSON_ONLY
from worker.errors import BadRequestError

THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
SEE = {"type": "function", "name": "see", "parameters": {"properties": {}}}


def asked(past=None, **fields):
    raw = json.dumps({"model": "claude-sonnet-5-5", "input": "hi", **fields}).encode()
    return to_messages(decode_responses(raw), past or Past())


def text(words):
    return {"type": "text", "text": words}


def told(*items):
    return asked(input=items)["messages"]


def test_a_string_is_what_a_user_says():
    assert asked() == {
        "model": "claude-sonnet-5-5",
        "max_tokens": 16_384,
        "messages": [{"role": "user", "content": [text("hi")]}],
        "stream": False,
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_output_tokens": 5}, {"max_tokens": 5}),
        ({"max_output_tokens": 0}, {"max_tokens": 0}),
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"stream": True}, {"stream": True}),
        (
            {"reasoning": {"effort": "low"}},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        ),
        ({"reasoning": {"effort": "none"}}, {"thinking": {"type": "disabled"}}),
        ({"thinking": {"type": "x"}, "reasoning": {"effort": "none"}}, {"thinking": {"type": "x"}}),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"a": 1}}}},
            {"output_config": {"format": {"type": "json_schema", "schema": {"a": 1}}}},
        ),
        ({"text": {"format": {"type": "json_object"}}}, {"system": [JSON_ONLY]}),
        (
            {"tools": [SEE], "tool_choice": "required", "parallel_tool_calls": False},
            {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
        ),
        (
            {"tools": [SEE], "tool_choice": {"type": "function", "name": "see"}},
            {"tool_choice": {"type": "tool", "name": "see"}},
        ),
        (
            {"tools": [SEE]},
            {"tools": [{"name": "see", "input_schema": {"type": "object", "properties": {}}}]},
        ),
    ],
)
def test_what_is_asked_is_said_in_other_words(fields, expected):
    assert expected.items() <= asked(**fields).items()


def test_instructions_come_first_and_developers_are_heard_wherever_they_speak():
    items = [
        {"role": "user", "content": "hi"},
        {"role": "developer", "content": [{"type": "input_text", "text": "Two."}]},
        {"type": "message", "role": "system", "content": "Three."},
    ]
    found = asked(instructions="One.", input=items)

    assert found["system"] == [text("One."), text("Two."), text("Three.")]
    assert [message["role"] for message in found["messages"]] == ["user"]


def test_a_turn_is_put_together_of_its_items():
    found = told(
        {"role": "user", "content": "look"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sealed(THOUGHT)},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "another's"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "I will."}]},
        {"type": "function_call", "call_id": "c1", "name": "see", "arguments": '{"at": 1}'},
        {"type": "function_call", "call_id": "c2", "name": "see", "arguments": ""},
        {"type": "function_call_output", "call_id": "c1", "output": "a heron"},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [{"type": "input_image", "image_url": "data:image/png;base64,aGk="}],
        },
    )
    image = {"type": "base64", "media_type": "image/png", "data": "aGk="}

    assert found[1]["content"] == [
        THOUGHT,
        text("I will."),
        {"type": "tool_use", "id": "c1", "name": "see", "input": {"at": 1}},
        {"type": "tool_use", "id": "c2", "name": "see", "input": {}},
    ]
    assert [block["tool_use_id"] for block in found[2]["content"]] == ["c1", "c2"]
    assert found[2]["content"][1]["content"] == [{"type": "image", "source": image}]


def test_what_is_gone_on_from_comes_before_what_is_new():
    request = {
        "messages": [{"role": "user", "content": "hi"}],
        "system": [text("One."), text("Two."), JSON_ONLY],
    }
    answer = [text("ho")]
    exchange = Exchange("resp_1", "s", "m", 0, request, {"content": answer})
    found = asked(past_of(exchange, "One."), instructions="New.", input="more")

    assert found["system"] == [text("New."), text("Two.")]
    assert [message["content"] for message in found["messages"]] == ["hi", answer, [text("more")]]


def test_an_answer_that_says_nothing_leaves_nothing():
    exchange = Exchange("resp_1", "s", "m", 0, {"messages": []}, {"content": []})

    assert past_of(exchange, None) == Past([], [])


@pytest.mark.parametrize(
    ("item", "named"),
    [
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": "["}, "arguments"),
        ({"role": "user"}, "input.0"),
        ({"type": "web_search_call", "id": "x"}, "input.0.type"),
        (5, "input.0"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "input.0"),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}, "by id"),
    ],
)
def test_an_item_that_cannot_be_said_is_refused_with_its_place(item, named):
    with pytest.raises(BadRequestError, match=named):
        told(item)

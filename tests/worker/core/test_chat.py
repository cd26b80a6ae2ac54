"""Chat completions requests in the words of the Messages API."""

import json

import pytest

from worker.core.chat import to_messages
from worker.core.chat_request import decode_chat
from worker.core.translation import JSON_ONLY
from worker.errors import BadRequestError

USER = {"role": "user", "content": "hi"}
SEE = {
    "type": "function",
    "function": {
        "name": "see",
        "description": "Look.",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    },
}
SEEN = {
    "name": "see",
    "description": "Look.",
    "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}},
}


def translated(**fields):
    asked = {"model": "m", "messages": [USER], **fields}
    return to_messages(decode_chat(json.dumps(asked).encode()))


def turns(*messages):
    return translated(messages=messages)["messages"]


def text(words):
    return {"type": "text", "text": words}


def call(number, arguments):
    function = {"name": "see", "arguments": arguments}
    return {"id": f"call_{number}", "type": "function", "function": function}


def used(number, given):
    return {"type": "tool_use", "id": f"call_{number}", "name": "see", "input": given}


def test_the_least_request():
    assert translated() == {
        "model": "m",
        "max_tokens": 16_384,
        "messages": [{"role": "user", "content": [text("hi")]}],
        "stream": False,
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_completion_tokens": 8, "max_tokens": 7}, {"max_tokens": 8}),
        # What makes no sense is the provider's to refuse, and no default hides it.
        ({"max_tokens": 0}, {"max_tokens": 0}),
        ({"temperature": 0, "top_p": 0.5}, {"temperature": 0, "top_p": 0.5}),
        ({"stop": "x"}, {"stop_sequences": ["x"]}),
        ({"stop": ["x", "y"]}, {"stop_sequences": ["x", "y"]}),
        ({"stream": True}, {"stream": True}),
        ({"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
        (
            {"reasoning_effort": "low"},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        ),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"response_format": {"type": "json_object"}}, {"system": [JSON_ONLY]}),
        ({"tools": [SEE]}, {"tools": [SEEN]}),
        ({"tools": [SEE], "tool_choice": "auto"}, {"tool_choice": {"type": "auto"}}),
        ({"tools": [SEE], "tool_choice": "required"}, {"tool_choice": {"type": "any"}}),
        ({"tools": [SEE], "tool_choice": "none"}, {"tool_choice": {"type": "none"}}),
        (
            {"tools": [SEE], "tool_choice": {"type": "function", "function": {"name": "see"}}},
            {"tool_choice": {"type": "tool", "name": "see"}},
        ),
        (
            {"tools": [SEE], "parallel_tool_calls": False},
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        ),
        (
            {"tools": [SEE], "parallel_tool_calls": False, "tool_choice": "none"},
            {"tool_choice": {"type": "none"}},
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "strict": True, "schema": {"type": "object"}},
                }
            },
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        ),
    ],
)
def test_what_is_asked_for_is_passed_on(fields, expected):
    found = translated(**fields)

    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_choice": "auto"},
        {"tools": [], "parallel_tool_calls": False},
        {"n": 1, "logprobs": False, "functions": []},
        {"response_format": {"type": "text"}},
    ],
)
def test_what_changes_nothing_leaves_nothing(fields):
    assert translated(**fields) == translated()


def test_a_function_needs_no_more_than_its_name():
    least = {"type": "function", "function": {"name": "go"}}
    strict = {"type": "function", "function": {"name": "go", "strict": True, "parameters": {}}}

    assert translated(tools=[least, strict])["tools"] == [
        {"name": "go", "input_schema": {"type": "object"}},
        {"name": "go", "input_schema": {"type": "object"}, "strict": True},
    ]


def test_instructions_become_the_system_prompt_in_their_order():
    messages = (
        {"role": "system", "content": "one"},
        {"role": "developer", "content": [text("two"), text("three")]},
        USER,
        {"role": "system", "content": "four"},
    )
    found = translated(messages=messages)

    assert found["system"] == [text(words) for words in ("one", "two", "three", "four")]
    assert found["messages"] == [{"role": "user", "content": [text("hi")]}]


def test_turns_of_one_side_are_one_turn():
    found = turns(USER, USER, {"role": "assistant", "content": "ho"}, USER)

    assert found == [
        {"role": "user", "content": [text("hi"), text("hi")]},
        {"role": "assistant", "content": [text("ho")]},
        {"role": "user", "content": [text("hi")]},
    ]


def test_a_round_of_parallel_calls():
    found = turns(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call(1, '{"at":"x"}'), call(2, "")]},
        {"role": "tool", "tool_call_id": "call_1", "content": "a heron"},
        {"role": "tool", "tool_call_id": "call_2", "content": [text("an ibis")]},
        {"role": "user", "content": "Well?"},
    )

    assert found[1:] == [
        {"role": "assistant", "content": [used(1, {"at": "x"}), used(2, {})]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": [text("a heron")]},
                {"type": "tool_result", "tool_use_id": "call_2", "content": [text("an ibis")]},
                text("Well?"),
            ],
        },
    ]


def test_what_an_assistant_said_comes_before_what_it_called():
    message = {"role": "assistant", "content": "Let me see.", "tool_calls": [call(1, "{}")]}

    assert turns(USER, message)[1]["content"] == [text("Let me see."), used(1, {})]


def test_empty_text_is_left_out_and_a_refusal_is_said():
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    silent = {"role": "assistant", "content": ""}

    assert turns(USER, refused, USER, silent)[1:] == [
        {"role": "assistant", "content": [text("No.")]},
        {"role": "user", "content": [text("hi")]},
    ]


@pytest.mark.parametrize(
    ("part", "kind", "media_type"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            "image",
            "image/png",
        ),
        (
            {
                "type": "image_url",
                "image_url": {"url": "DATA:Image/PNG;q=1;Base64,QUJD", "detail": "low"},
            },
            "image",
            "image/png",
        ),
        (
            {
                "type": "file",
                "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": ""},
            },
            "document",
            "application/pdf",
        ),
    ],
)
def test_data_urls_become_base64_blocks(part, kind, media_type):
    source = {"type": "base64", "media_type": media_type, "data": "QUJD"}

    assert turns({"role": "user", "content": [part]})[0]["content"] == [
        {"type": kind, "source": source}
    ]


def test_what_is_on_the_web_is_left_to_be_fetched():
    part = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}

    assert turns({"role": "user", "content": [part]})[0]["content"] == [
        {"type": "image", "source": {"type": "url", "url": "https://example.com/x.png"}}
    ]


def test_text_files_are_text_under_their_names():
    file = {"file_data": "data:text/markdown;base64,aMOpcm9u", "filename": "f.md"}
    source = {"type": "text", "media_type": "text/plain", "data": "héron"}

    assert turns({"role": "user", "content": [{"type": "file", "file": file}]})[0]["content"] == [
        {"type": "document", "source": source, "title": "f.md"}
    ]


@pytest.mark.parametrize(
    "url",
    [
        "data:text/plain;base64,6Q==",
        "file:///etc/passwd",
        "/etc/passwd",
        "data:image/png,QUJD",
        "data:image/png;base64",
        "image/png;base64,QUJD",
        "",
    ],
)
def test_no_other_url_is_taken(url):
    part = {"type": "image_url", "image_url": {"url": url}}
    with pytest.raises(BadRequestError, match="image_url: "):
        turns({"role": "user", "content": [part]})


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"n": 2}, "n"),
        ({"n": 0}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"reasoning_effort": "huge"}, "effort"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"response_format": {"type": "json_schema"}}, "schema"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"tools": [SEE], "tool_choice": "sometimes"}, "tool_choice"),
        ({"messages": [{"role": "assistant", "tool_calls": [call(1, "[1]")]}]}, "arguments"),
        ({"messages": [{"role": "assistant", "tool_calls": [call(1, "{")]}]}, "arguments"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(fields, named):
    with pytest.raises(BadRequestError) as caught:
        translated(**fields)

    assert named in caught.value.message

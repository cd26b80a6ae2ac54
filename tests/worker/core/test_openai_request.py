"""Messages API requests in the words of chat completions."""

import json

import pytest

from worker.core.chat import to_messages
from worker.core.chat_request import decode_chat
from worker.core.openai_request import Accent, to_chat
from worker.core.prompt import decode_prompt
from worker.errors import BadRequestError

HI = {"role": "user", "content": "hi"}
PNG = {"type": "base64", "media_type": "image/png", "data": "QUJD"}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
SEE = {"name": "see", "description": "Look.", "input_schema": {"type": "object"}}
SEE_FUNCTION = {"name": "see", "description": "Look.", "parameters": {"type": "object"}}
FUNCTION = {"type": "function", "function": SEE_FUNCTION}
PLAIN = Accent()


def translated(accent=PLAIN, *, stream=False, **fields):
    asked = {"model": "m", "max_tokens": 9, "messages": [HI], **fields}
    return to_chat(decode_prompt(json.dumps(asked).encode()), accent, stream=stream)


def messages(*turns):
    return translated(messages=turns)["messages"]


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def text(words):
    return {"type": "text", "text": words}


def used(number, **given):
    return {"type": "tool_use", "id": f"t{number}", "name": "see", "input": given}


def result(number, content, **more):
    return {"type": "tool_result", "tool_use_id": f"t{number}", "content": content, **more}


def test_the_least_request():
    assert translated() == {"model": "m", "max_tokens": 9, "messages": [HI], "stream": False}


def test_a_stream_asks_for_its_usage():
    assert translated(stream=True)["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"temperature": 0, "top_p": 0.5}, {"temperature": 0, "top_p": 0.5}),
        ({"stop_sequences": ["x", "y"]}, {"stop": ["x", "y"]}),
        ({"system": "one"}, {"messages": [{"role": "system", "content": "one"}, HI]}),
        (
            {"system": [text("one"), text(""), text("two")]},
            {"messages": [{"role": "system", "content": "one\n\ntwo"}, HI]},
        ),
        ({"metadata": {"user_id": "ann"}}, {"user": "ann"}),
        ({"tools": [SEE]}, {"tools": [FUNCTION]}),
        ({"tools": [SEE], "tool_choice": {"type": "auto"}}, {"tool_choice": "auto"}),
        ({"tools": [SEE], "tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
        ({"tools": [SEE], "tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
        (
            {"tools": [SEE], "tool_choice": {"type": "tool", "name": "see"}},
            {"tool_choice": {"type": "function", "function": {"name": "see"}}},
        ),
        (
            {
                "tools": [SEE],
                "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            },
            {"parallel_tool_calls": False, "tool_choice": "auto"},
        ),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "answer",
                        "schema": {"type": "object"},
                        "strict": True,
                    },
                }
            },
        ),
        # Thinking by budget, and by effort where there is none.
        *(
            (
                {"thinking": {"type": "enabled", "budget_tokens": budget}},
                {"reasoning_effort": effort},
            )
            for budget, effort in [
                (1024, "low"),
                (4095, "low"),
                (4096, "medium"),
                (8191, "medium"),
                (8192, "high"),
                (60_000, "high"),
            ]
        ),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            {"reasoning_effort": "high"},
        ),
        ({"output_config": {"effort": "low"}}, {"reasoning_effort": "low"}),
    ],
)
def test_what_is_asked_for_is_passed_on(fields, expected):
    found = translated(**fields)

    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": []},
        {"tool_choice": {"type": "auto"}},
        {"stop_sequences": []},
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}},
        {"thinking": {"type": "adaptive"}},
        {"metadata": {"user_id": None}},
        {"system": ""},
        {"top_k": 5, "service_tier": "auto"},
    ],
)
def test_what_has_no_words_leaves_nothing(fields):
    assert translated(**fields) == translated()


def test_an_upstream_has_its_own_names():
    accent = Accent({"m": "llama"}, "max_completion_tokens", efforts=False)
    found = translated(accent, thinking={"type": "enabled", "budget_tokens": 1024})

    assert found == {
        "model": "llama",
        "max_completion_tokens": 9,
        "messages": [HI],
        "stream": False,
    }


def test_a_user_too_long_for_the_field_is_a_digest_of_itself():
    (one, same, other) = (
        translated(metadata={"user_id": name * 65})["user"] for name in ("a", "a", "b")
    )

    assert one == same != other
    assert len(one) == 32


def test_a_round_of_parallel_calls():
    found = messages(
        HI,
        assistant(
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            text("Let me see."),
            used(1, at="x"),
            used(2),
        ),
        user(result(1, "a heron"), result(2, [text("an"), text("ibis")]), text("Well?")),
    )
    *_, said, first, second, last = found

    assert (said["role"], said["content"]) == ("assistant", "Let me see.")
    assert [call["function"] for call in said["tool_calls"]] == [
        {"name": "see", "arguments": '{"at":"x"}'},
        {"name": "see", "arguments": "{}"},
    ]
    assert first == {"role": "tool", "tool_call_id": "t1", "content": "a heron"}
    assert second == {"role": "tool", "tool_call_id": "t2", "content": "an\nibis"}
    assert last == {"role": "user", "content": "Well?"}


def test_results_come_right_after_their_calls_wherever_they_stand():
    found = messages(HI, assistant(used(1)), user(text("Here."), result(1, "a heron")))

    assert [message["role"] for message in found] == ["user", "assistant", "tool", "user"]


@pytest.mark.parametrize(
    ("block", "content"),
    [
        (result(1, None), ""),
        (result(1, []), ""),
        (result(1, "no", is_error=True), "Error: no"),
        (result(1, [{"type": "tool_reference", "tool_name": "go"}]), "The tool go is at hand."),
    ],
)
def test_what_a_result_says(block, content):
    found = messages(HI, assistant(used(1)), user(block))

    assert found[-1] == {"role": "tool", "tool_call_id": "t1", "content": content}


def test_what_a_result_shows_is_shown_by_the_user():
    shown = {"type": "image", "source": PNG}
    found = messages(HI, assistant(used(1)), user(result(1, [text("Look:"), shown])))

    assert found[-2]["content"] == "Look:"
    assert found[-1] == {
        "role": "user",
        "content": [text("Of the result of t1:"), PNG_PART],
    }


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ({"type": "text", "media_type": "text/plain", "data": "words"}, [text("T\n\nwords")]),
        ({"type": "content", "content": "words"}, [text("T\n\nwords")]),
        (
            {"type": "content", "content": [text("words"), {"type": "image", "source": PNG}]},
            [text("T"), text("words"), PNG_PART],
        ),
        (
            {"type": "base64", "media_type": "application/pdf", "data": "QUJD"},
            [
                {
                    "type": "file",
                    "file": {
                        "filename": "T",
                        "file_data": "data:application/pdf;base64,QUJD",
                    },
                }
            ],
        ),
    ],
)
def test_documents(source, parts):
    document = {"type": "document", "title": "T", "source": source}

    assert messages(user(document, text("?")))[0]["content"] == [*parts, text("?")]


def test_a_thought_alone_says_nothing():
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}

    assert messages(HI, assistant(thought), HI) == [HI, HI]


def test_a_system_message_in_mid_conversation_is_a_reminder():
    (found,) = messages(HI, {"role": "system", "content": "Be brief."})

    assert "Be brief." in json.dumps(found)
    assert found["role"] == "user"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"messages": [HI, assistant(text("Once"))]}, "user role"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "web_search"),
        ({"tools": [SEE], "tool_choice": {"type": "sometimes"}}, "tool_choice"),
        ({"messages": [user({"type": "server_tool_use"})]}, "server_tool_use"),
        ({"messages": [user({"text": "no type"})]}, "type"),
        ({"output_config": {"format": {"type": "grammar"}}}, "json_schema"),
        ({"messages": [HI, assistant({"type": "image", "source": PNG}), HI]}, "assistant"),
    ],
)
def test_what_such_an_upstream_cannot_be_asked_is_refused(fields, told):
    with pytest.raises(BadRequestError, match=told):
        translated(**fields)


def test_a_chat_request_survives_the_way_there_and_back():
    call = {"id": "c1", "type": "function", "function": {"name": "see", "arguments": '{"at":"x"}'}}
    asked = {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [text("What is it?"), PNG_PART]},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "a heron"},
            {"role": "user", "content": "Well?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["x"],
        "tools": [FUNCTION],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "reasoning_effort": "medium",
    }
    there = to_messages(decode_chat(json.dumps(asked).encode()))
    back = to_chat(decode_prompt(json.dumps(there).encode()), Accent(), stream=True)

    assert back == asked

"""Whole messages as chat completions."""

import json

import msgspec
import pytest
from openai.types.chat import ChatCompletion

from worker.core.chat_answer import completion, finish_reason, usage

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
USE = {"type": "tool_use", "id": "toolu_1", "name": "see", "input": {"at": "ü"}}


def told(**fields):
    body = completion(json.dumps(MESSAGE | fields).encode(), 1_790_000_000)
    ChatCompletion.model_validate_json(body)
    return json.loads(body)


def said(**fields):
    return told(**fields)["choices"][0]["message"]


def test_a_message_is_a_completion():
    assert told() == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "claude-x",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        },
    }


def test_calls_keep_their_ids_and_come_without_text():
    message = said(content=[USE, USE | {"id": "toolu_2", "input": {}}], stop_reason="tool_use")
    calls = [(call["id"], call["function"]) for call in message["tool_calls"]]

    assert message["content"] is None
    assert calls == [
        ("toolu_1", {"name": "see", "arguments": '{"at":"ü"}'}),
        ("toolu_2", {"name": "see", "arguments": "{}"}),
    ]


def test_thinking_is_reasoning_and_what_is_redacted_stays_so():
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    redacted = {"type": "redacted_thinking", "data": "secret"}
    message = said(content=[thought, redacted, *MESSAGE["content"]])

    assert (message["reasoning_content"], message["content"]) == ("hm", "hello")
    assert "secret" not in json.dumps(message)


@pytest.mark.parametrize(
    ("stop_reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        (None, "stop"),
    ],
)
def test_finish_reason(stop_reason, expected):
    assert finish_reason(stop_reason) == expected


def test_input_tokens_count_whatever_a_cache_had_to_do_with_them():
    counted = {
        "input_tokens": 1,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 300,
        "output_tokens": 4000,
        "server_tool_use": None,
    }

    assert usage(counted) == {
        "prompt_tokens": 321,
        "completion_tokens": 4000,
        "total_tokens": 4321,
        "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 300},
    }


def test_figures_that_are_missing_are_nought():
    assert usage({"cache_read_input_tokens": None})["total_tokens"] == 0


def test_what_is_no_message_is_no_answer():
    with pytest.raises(msgspec.ValidationError):
        completion(b'{"content": "hello"}', 0)

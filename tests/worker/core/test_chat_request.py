"""Reading chat completions requests."""

import json

import pytest

from worker.core.chat_request import decode_chat
from worker.errors import BadRequestError

USER = {"role": "user", "content": "hi"}


def decode(**fields):
    return decode_chat(json.dumps({"model": "m", "messages": [USER], **fields}).encode())


def test_unknown_fields_and_nulls_are_taken():
    chat = decode(seed=4, metadata={"a": "b"}, stop=None, tools=None, stream_options=None)

    assert (chat.model, chat.stop, chat.tools, chat.wants_usage) == ("m", None, None, False)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [({}, False), ({"include_usage": None}, False), ({"include_usage": True}, True)],
)
def test_usage_is_wanted_where_the_client_says_so(options, wanted):
    assert decode(stream_options=options).wants_usage is wanted


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"model": None}, "$.model"),
        ({"messages": "hi"}, "$.messages"),
        ({"messages": [{"role": "king", "content": "hi"}]}, "$.messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "content[0].type"),
        ({"messages": [{"role": "tool", "content": "4"}]}, "tool_call_id"),
        ({"messages": [{"role": "system", "content": [{"type": "file"}]}]}, "content[0].type"),
        ({"n": "two"}, "$.n"),
        ({"stream": "yes"}, "$.stream"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "$.tools[0].type"),
        ({"tool_choice": {"type": "allowed_tools"}}, "$.tool_choice.type"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(fields, place):
    with pytest.raises(BadRequestError) as caught:
        decode(**fields)

    assert place in caught.value.message


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"model": "\xff"}', b"[" * 100_000])
def test_a_body_that_is_no_request_is_refused(raw):
    with pytest.raises(BadRequestError):
        decode_chat(raw)

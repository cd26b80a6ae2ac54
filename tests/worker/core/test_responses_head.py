import json

import msgspec
import pytest

from worker.core.responses_head import Head, head_of
from worker.core.responses_request import decode_responses

SEE = {"type": "function", "name": "see", "parameters": {}}


def head(**fields):
    raw = {"model": "m", "input": "hi", **fields}
    return head_of("resp_1", 7, decode_responses(json.dumps(raw).encode()), raw)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"instructions": None, "store": True, "tool_choice": "auto", "metadata": {}}),
        ({"metadata": {"a": "b"}, "store": False}, {"metadata": {"a": "b"}, "store": False}),
        ({"temperature": None}, {"temperature": None}),
        ({"unknown": 1}, {"tools": []}),
        # Clients want to see every field of a tool.
        ({"tools": [SEE]}, {"tools": [SEE | {"description": None, "strict": None}]}),
    ],
)
def test_a_response_repeats_what_was_asked(fields, expected):
    assert expected.items() <= head(**fields).echo.items()
    assert "unknown" not in head(**fields).echo


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (False, False, False)),
        ({"reasoning": {"effort": "low"}}, (False, False, False)),
        ({"reasoning": {"summary": "auto"}}, (True, False, False)),
        ({"reasoning": {"generate_summary": "concise"}}, (True, False, False)),
        ({"include": ["reasoning.encrypted_content"]}, (False, True, False)),
        ({"text": {"format": {"type": "json_object"}}}, (False, False, True)),
    ],
)
def test_it_tells_no_more_than_was_asked_for(fields, expected):
    found = head(**fields)

    assert (found.summary, found.encrypted, found.json) == expected


def test_it_outlives_being_kept():
    found = head(tools=[SEE], metadata={"a": "b"})

    assert msgspec.convert(msgspec.to_builtins(found), Head) == found


def test_no_two_items_share_an_id():
    ids = {Head(f"resp_{n}", 7, "m").item_id("msg", index) for n in (1, 2) for index in range(3)}

    assert len(ids) == 6

import json

import pytest

from worker.core.honour import CHAT, RESPONSES, in_vain, in_vain_of


@pytest.mark.parametrize(
    ("wishes", "fields", "expected"),
    [
        (CHAT, {"seed": 4, "logit_bias": {"1": 2}}, ["logit_bias", "seed"]),
        (
            CHAT,
            {"frequency_penalty": 0.5, "presence_penalty": -1},
            ["frequency_penalty", "presence_penalty"],
        ),
        # What is empty or the usual asks for nothing.
        (CHAT, {"seed": None, "logit_bias": {}, "presence_penalty": 0, "store": False}, []),
        (CHAT, {"service_tier": "auto", "verbosity": "medium"}, []),
        (CHAT, {"service_tier": "priority", "verbosity": "low"}, ["service_tier", "verbosity"]),
        # No client's words come back.
        (CHAT, {"x\r\nset-cookie: a": 1, "model": "m", "messages": []}, []),
        (RESPONSES, {"text": {"verbosity": "low"}}, ["text.verbosity"]),
        (RESPONSES, {"text": {"verbosity": "medium"}, "truncation": "disabled"}, []),
        (RESPONSES, {"text": "odd", "include": ["reasoning.encrypted_content"]}, []),
        (
            RESPONSES,
            {"truncation": "auto", "include": ["web_search_call.results"]},
            ["include", "truncation"],
        ),
    ],
)
def test_what_a_body_asks_in_vain_is_named(wishes, fields, expected):
    found = in_vain(wishes, json.dumps(fields).encode())

    assert sorted(found) == expected


@pytest.mark.parametrize(
    ("engine", "model", "expected"),
    [
        ("api", "claude-sonnet-4-5", []),
        ("cli", "claude-sonnet-4-5", ["output_config.effort"]),
        ("cli", "claude-opus-4-5", []),
        ("cli", "claude-sonnet-5-5", []),
    ],
)
def test_an_effort_is_asked_in_vain_where_the_cli_leaves_it_out(engine, model, expected):
    request = {"model": model, "output_config": {"effort": "low"}}

    assert in_vain_of(engine, request, {}) == expected


@pytest.mark.parametrize(("engine", "expected"), [("api", []), ("cli", ["tools.strict"])])
def test_the_cli_holds_no_tool_to_its_schema(engine, expected):
    tools = [{"name": "a"}, {"name": "b", "strict": True}]

    assert in_vain_of(engine, {"tools": tools}, {}) == expected
    assert in_vain_of(engine, {"tools": tools[:1]}, {}) == []


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("api", []),
        ("cli", ["mcp_servers", "service_tier", "anthropic-beta"]),
        ("openai", ["mcp_servers", "service_tier", "top_k", "anthropic-beta"]),
    ],
)
def test_what_an_engine_cannot_pass_on_is_named(engine, expected):
    request = {"top_k": 5, "mcp_servers": [{"url": "u"}], "service_tier": "flex", "container": None}

    assert in_vain_of(engine, request, {"anthropic-beta": "x-1"}) == expected

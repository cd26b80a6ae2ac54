import pytest

from worker.core.tools import Toolbox, cli_name, oddity

TOOL = {
    "name": "mcp__db__query",
    "description": "Query.",
    "input_schema": {"type": "object", "properties": {"sql": {"type": "string"}}},
    "cache_control": {"type": "ephemeral"},
}


def test_a_tool_has_its_two_names():
    box = Toolbox([TOOL, {"name": "look"}])

    assert cli_name("look") == "mcp__c__look"
    assert box.client_name("mcp__c__look") == "look"
    # A client's tool may itself come from a tool server.
    assert box.client_name(cli_name("mcp__db__query")) == "mcp__db__query"


def test_a_tool_that_was_not_offered_has_none():
    box = Toolbox([{"name": "look"}])

    assert box.client_name("mcp__c__touch") is None
    assert box.client_name("look") is None


def test_the_listing_is_what_a_tool_server_tells():
    assert Toolbox([TOOL, {"name": "look"}]).listing() == [
        {"name": TOOL["name"], "description": "Query.", "inputSchema": TOOL["input_schema"]},
        {"name": "look", "description": "", "inputSchema": {"type": "object"}},
    ]


def test_a_tool_without_a_description_has_an_empty_one():
    (told,) = Toolbox([{"name": "look", "description": None}]).listing()

    assert told["description"] == ""


@pytest.mark.parametrize(
    "tool",
    [
        TOOL,
        {"name": "look"},
        {"name": "look", "type": "custom", "description": None},
        {"name": "n" * 120, "input_schema": {"type": "object", "properties": {"any": True}}},
        {"name": "a-B_9", "input_schema": {"type": "object", "required": ["x"], "$defs": {}}},
    ],
)
def test_what_a_tool_server_may_tell_is_not_odd(tool):
    assert oddity([tool, {"name": "other"}]) is None


@pytest.mark.parametrize(
    ("tool", "place"),
    [
        ({"name": "other"}, "name"),
        ({"name": "n" * 121}, "name"),
        ({"name": "two words"}, "name"),
        ({"name": "a.b"}, "name"),
        ({"name": ""}, "name"),
        ({}, "name"),
        ({"name": "bash", "type": "bash_20250124"}, "type"),
        ({"name": "x", "description": 5}, "description"),
        ({"name": "x", "input_schema": None}, "input_schema"),
        ({"name": "x", "input_schema": {}}, "input_schema"),
        ({"name": "x", "input_schema": {"type": ["object", "null"]}}, "input_schema"),
        ({"name": "x", "input_schema": {"type": "object", "properties": None}}, "input_schema"),
        ({"name": "x", "input_schema": {"type": "object", "properties": {"a": 5}}}, "input_schema"),
        ({"name": "x", "input_schema": {"type": "object", "required": "a"}}, "input_schema"),
        ({"name": "x", "input_schema": {"type": "object", "required": [1]}}, "input_schema"),
    ],
)
def test_an_odd_tool_is_told_with_its_place(tool, place):
    assert oddity([{"name": "other"}, tool]).startswith(f"1.{place}: ")


def test_a_box_without_tools_is_false():
    assert not Toolbox()
    assert Toolbox([TOOL])

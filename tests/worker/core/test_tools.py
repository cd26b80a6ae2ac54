from worker.core.tools import Toolbox, cli_name

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


def test_a_box_without_tools_is_false():
    assert not Toolbox()
    assert Toolbox([TOOL])

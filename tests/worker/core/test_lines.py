import json
import re

import pytest

from worker.core import lines
from worker.core.records import decode_record
from worker.core.tools import Toolbox

LOOK = Toolbox([{"name": "look", "description": "Look.", "input_schema": {"type": "object"}}])


def question(subtype: str, **fields: object):
    request = {"subtype": subtype, **fields}
    line = {"type": "control_request", "request_id": "r1", "request": request}
    return decode_record(json.dumps(line).encode())


def told(line: bytes) -> dict:
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return json.loads(line)


def test_a_process_without_tools_gets_no_hooks_and_no_tool_server():
    request = told(lines.initialize(["Be brief."], Toolbox()))["request"]

    assert request == {"subtype": "initialize", "systemPrompt": ["Be brief."]}


def test_with_tools_every_call_of_them_is_asked_about():
    request = told(lines.initialize([], LOOK))["request"]

    assert request["sdkMcpServers"] == ["c"]
    (hook,) = request["hooks"]["PreToolUse"]
    assert hook["hookCallbackIds"]
    assert re.fullmatch(hook["matcher"], "mcp__c__look")
    assert not re.fullmatch(hook["matcher"], "Bash")


def test_a_system_prompt_takes_the_place_of_the_clis_or_stands_behind_it():
    request = told(lines.initialize(["One.", "Two."], Toolbox(), append=True))["request"]

    assert request == {"subtype": "initialize", "appendSystemPrompt": "One.\n\nTwo."}


def test_a_user_turn_is_never_a_command():
    line = told(lines.user([{"type": "text", "text": "/clear\n"}], query=True))

    assert line["client_composed"]
    assert line["shouldQuery"]
    assert line["message"]["content"] == [{"type": "text", "text": "/clear\n"}]


def test_a_remembered_turn_asks_nothing():
    assert told(lines.user([], query=False))["shouldQuery"] is False


def test_a_tool_call_is_left_to_the_client():
    answer = told(lines.reply(question("hook_callback", callback_id="defer"), LOOK))["response"]

    assert answer["request_id"] == "r1"
    assert answer["response"]["hookSpecificOutput"]["permissionDecision"] == "defer"


@pytest.mark.parametrize(
    ("message", "result"),
    [
        (
            {"method": "tools/list", "id": 1},
            {
                "tools": [
                    {"name": "look", "description": "Look.", "inputSchema": {"type": "object"}}
                ]
            },
        ),
        (
            {"method": "initialize", "id": 0, "params": {"protocolVersion": "2025-11-25"}},
            {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "c", "version": "1"},
            },
        ),
        ({"method": "notifications/initialized"}, {}),
    ],
)
def test_the_tool_server_answers(message, result):
    line = lines.reply(question("mcp_message", server_name="c", message=message), LOOK)

    reply = told(line)["response"]["response"]["mcp_response"]
    assert (reply["id"], reply["result"]) == (message.get("id"), result)


def test_what_we_do_not_know_is_refused_and_not_left_open():
    answer = told(lines.reply(question("can_use_tool"), LOOK))["response"]

    assert answer["subtype"] == "error"

"""The lines that a process gets on stdin."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from worker.core.message import Block
from worker.core.records import ControlRequest
from worker.core.tools import SERVER, Toolbox, cli_name

_HOOK: Final = "defer"
_DEFERRAL: Final = {
    "hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "defer"}
}


class _Call(msgspec.Struct):
    """A JSON-RPC message of the CLI to our tool server."""

    method: str = ""
    id: int | str | None = None
    params: Mapping[str, object] = {}


def initialize(system: Sequence[str], tools: Toolbox, *, append: bool = False) -> bytes:
    """Must come first; a second one changes nothing. Calls of the client's tools are left to it.

    The system prompt takes the place of the CLI's own, or with `append` comes behind it.
    """
    request: dict[str, object] = {"subtype": "initialize"}
    if append:
        request["appendSystemPrompt"] = "\n\n".join(system)
    else:
        request["systemPrompt"] = system
    if tools:
        request["sdkMcpServers"] = [SERVER]
        hook = {"matcher": f"{cli_name('')}.*", "hookCallbackIds": [_HOOK]}
        request["hooks"] = {"PreToolUse": [hook]}
    return _control("initialize", request)


def flag_settings(settings: Mapping[str, object]) -> bytes:
    """Set the model and the environment of the turns to come."""
    return _control("settings", {"subtype": "apply_flag_settings", "settings": settings})


def user(content: Sequence[Block], *, query: bool) -> bytes:
    """A user turn. Without `query` it is only remembered, and a result of 0 turns confirms it.

    `client_composed` keeps `/text` from being a command and `@/path` from reading a file.
    """
    message = {"role": "user", "content": content}
    line = {"type": "user", "message": message, "client_composed": True, "shouldQuery": query}
    return _line(line)


def assistant(content: Sequence[Block]) -> bytes:
    """An assistant turn to remember; nothing confirms it."""
    return _line({"type": "assistant", "message": {"role": "assistant", "content": content}})


def reply(question: ControlRequest, tools: Toolbox) -> bytes:
    """Answer what the CLI asks: which tools there are, and whether to run one (never)."""
    match question.request.subtype:
        case "hook_callback":
            answer: Mapping[str, object] = _DEFERRAL
        case "mcp_message":
            call = msgspec.json.decode(question.request.message, type=_Call)
            answer = {
                "mcp_response": {"jsonrpc": "2.0", "id": call.id, "result": _rpc(call, tools)}
            }
        case subtype:
            return _response(question, "error", {"error": f"{subtype} is not served"})
    return _response(question, "success", {"response": answer})


def _rpc(call: _Call, tools: Toolbox) -> Mapping[str, object]:
    match call.method:
        case "initialize":
            return {
                "protocolVersion": call.params.get("protocolVersion"),
                "capabilities": {"tools": {}},
                "serverInfo": {"name": SERVER, "version": "1"},
            }
        case "tools/list":
            return {"tools": tools.listing()}
        case _:
            return {}


def _control(identity: str, request: Mapping[str, object]) -> bytes:
    return _line({"type": "control_request", "request_id": identity, "request": request})


def _response(question: ControlRequest, subtype: str, rest: Mapping[str, object]) -> bytes:
    response = {"subtype": subtype, "request_id": question.request_id, **rest}
    return _line({"type": "control_response", "response": response})


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"

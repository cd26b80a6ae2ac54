"""A chat completions request in the words of the Messages API.

System and developer messages, wherever they stand, become the system prompt in their order.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from worker.core.chat_request import (
    AssistantMessage,
    ChatRequest,
    Content,
    DeveloperMessage,
    FilePart,
    ImagePart,
    Message,
    Part,
    RefusalPart,
    ResponseFormat,
    SystemMessage,
    TextPart,
    Tool,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from worker.core.message import Block
from worker.errors import BadRequestError

_MAX_TOKENS: Final = 16_384
"""What an answer may have where the client names no limit: here it must have one."""
_CHOICES: Final = {"auto": "auto", "required": "any", "none": "none"}
_ARGUMENTS: Final = msgspec.json.Decoder(dict[str, object])


def to_messages(chat: ChatRequest) -> Block:
    """The Messages API request that asks the same.

    Raises `BadRequestError` for what no answer could honour; unknown fields are dropped.
    """
    _refuse_unanswerable(chat)
    fields: Block = {
        "model": chat.model,
        "max_tokens": _max_tokens(chat),
        "system": list(_instructions(chat.messages)) or None,
        "messages": _turns(chat.messages),
        "stream": bool(chat.stream),
        "temperature": chat.temperature,
        "top_p": chat.top_p,
        "stop_sequences": [chat.stop] if isinstance(chat.stop, str) else chat.stop,
        "tools": [_tool(tool) for tool in chat.tools or ()] or None,
        "tool_choice": _choice(chat) if chat.tools else None,
        "output_config": _output(chat.response_format),
        "thinking": chat.thinking,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _max_tokens(chat: ChatRequest) -> int:
    named = (chat.max_completion_tokens, chat.max_tokens, _MAX_TOKENS)
    return next(limit for limit in named if limit is not None)


def _refuse_unanswerable(chat: ChatRequest) -> None:
    if chat.n not in (None, 1):
        raise BadRequestError("n: only one choice is served")
    if chat.logprobs:
        raise BadRequestError("logprobs: not served")
    if chat.functions:
        raise BadRequestError("functions: not served; use tools")


def _instructions(messages: Iterable[Message]) -> Iterator[Block]:
    for message in messages:
        if isinstance(message, SystemMessage | DeveloperMessage):
            yield from _blocks(message.content)


def _turns(messages: Iterable[Message]) -> list[Block]:
    """What user and assistant said in turn: the results of parallel calls are one user's turn."""
    said = (turn for message in messages for turn in _said(message))
    return [
        {"role": role, "content": [block for _, block in turns]}
        for role, turns in groupby(said, key=itemgetter(0))
    ]


def _said(message: Message) -> Iterator[tuple[str, Block]]:
    match message:
        case UserMessage(content):
            yield from (("user", block) for block in _blocks(content))
        case AssistantMessage(content, calls):
            yield from (("assistant", block) for block in _blocks(content))
            yield from (("assistant", _tool_use(call)) for call in calls or ())
        case ToolMessage(call_id, content):
            result = {"type": "tool_result", "tool_use_id": call_id}
            yield "user", {**result, "content": list(_blocks(content))}


def _blocks(content: Content) -> Iterator[Block]:
    """Content as blocks; empty text says nothing and the Messages API refuses it."""
    parts = [TextPart(content)] if isinstance(content, str) else content or ()
    return (_block(part) for part in parts if part not in (TextPart(""), RefusalPart("")))


def _block(part: Part) -> Block:
    match part:
        case TextPart(text) | RefusalPart(text):
            return {"type": "text", "text": text}
        case ImagePart(image):
            return {"type": "image", "source": _source(image.url, "image_url")}
        case FilePart(file):
            return {"type": "document", "source": _source(file.file_data, "file_data")}


def _source(url: str, where: str) -> Block:
    """The base64 source that a `data:` URL holds; nobody fetches any other."""
    scheme, _, rest = url.partition(":")
    kind, comma, data = rest.partition(",")
    media_type, _, coding = kind.rpartition(";")
    if scheme.lower() != "data" or not comma or coding.strip().lower() != "base64":
        raise BadRequestError(f"{where}: only data: URLs in base64 are served")
    return {"type": "base64", "media_type": media_type.partition(";")[0].lower(), "data": data}


def _tool_use(call: ToolCall) -> Block:
    try:
        given = _ARGUMENTS.decode(call.function.arguments or "{}")
    except (msgspec.DecodeError, RecursionError) as exc:
        raise BadRequestError("tool_calls: arguments must be the JSON of an object") from exc
    return {"type": "tool_use", "id": call.id, "name": call.function.name, "input": given}


def _tool(tool: Tool) -> Block:
    function = tool.function
    told: Block = {
        "name": function.name,
        "description": function.description,
        "input_schema": {"type": "object", **(function.parameters or {})},
        "strict": function.strict or None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _choice(chat: ChatRequest) -> Block | None:
    """Which tools may be called, and whether several at once."""
    match chat.tool_choice:
        case Tool(function):
            choice: Block = {"type": "tool", "name": function.name}
        case None | "auto" | "required" | "none" as named:
            choice = {"type": _CHOICES[named or "auto"]}
        case _:
            raise BadRequestError("tool_choice: must be auto, required, none or a function")
    if chat.parallel_tool_calls is False and choice["type"] != "none":
        return {**choice, "disable_parallel_tool_use": True}
    return choice if chat.tool_choice else None


def _output(wanted: ResponseFormat | None) -> Block | None:
    """The provider keeps to a schema, but it has no mode of JSON without one."""
    match wanted:
        case None | ResponseFormat("text"):
            return None
        case ResponseFormat("json_schema", schema) if schema and schema.schema is not None:
            return {"format": {"type": "json_schema", "schema": schema.schema}}
        case ResponseFormat("json_object"):
            raise BadRequestError("response_format: json_object is not served; use json_schema")
        case _:
            raise BadRequestError("response_format: must be text, or json_schema with a schema")

"""A chat completions request in the words of the Messages API.

System and developer messages, wherever they stand, become the system prompt in their order.
"""

from collections.abc import Iterator

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
    ToolMessage,
    UserMessage,
)
from worker.core.message import Block
from worker.core.translation import (
    JSON_ONLY,
    MAX_TOKENS,
    choice,
    compact,
    custom_tool,
    document,
    output_config,
    schema_format,
    source,
    text,
    thinking,
    tool_use,
    turns,
)
from worker.errors import BadRequestError


def to_messages(chat: ChatRequest) -> Block:
    """The Messages API request that asks the same.

    Raises `BadRequestError` for what no answer could honour; unknown fields are dropped.
    """
    _refuse_unanswerable(chat)
    thoughts, effort = thinking(chat.reasoning_effort, chat.model)
    fields: Block = {
        "model": chat.model,
        "max_tokens": _max_tokens(chat),
        "system": list(_instructions(chat)) or None,
        "messages": turns(turn for message in chat.messages for turn in _said(message)),
        "stream": bool(chat.stream),
        "temperature": chat.temperature,
        "top_p": chat.top_p,
        "stop_sequences": [chat.stop] if isinstance(chat.stop, str) else chat.stop,
        "tools": [custom_tool(tool.function) for tool in chat.tools or ()] or None,
        "tool_choice": _choice(chat) if chat.tools else None,
        "output_config": output_config(_form(chat.response_format), effort),
        "thinking": chat.thinking or thoughts,
    }
    return compact(fields)


def _max_tokens(chat: ChatRequest) -> int:
    named = (chat.max_completion_tokens, chat.max_tokens, MAX_TOKENS)
    return next(limit for limit in named if limit is not None)


def _refuse_unanswerable(chat: ChatRequest) -> None:
    if chat.n not in (None, 1):
        raise BadRequestError("n: only one choice is served")
    if chat.logprobs:
        raise BadRequestError("logprobs: not served")
    if chat.functions:
        raise BadRequestError("functions: not served; use tools")
    if "audio" in (chat.modalities or ()):
        raise BadRequestError("modalities: only text is served")


def _instructions(chat: ChatRequest) -> Iterator[Block]:
    for message in chat.messages:
        if isinstance(message, SystemMessage | DeveloperMessage):
            yield from _blocks(message.content)
    if chat.wants_json:
        yield JSON_ONLY


def _said(message: Message) -> Iterator[tuple[str, Block]]:
    match message:
        case UserMessage(content):
            yield from (("user", block) for block in _blocks(content))
        case AssistantMessage(content, calls):
            yield from (("assistant", block) for block in _blocks(content))
            yield from (
                ("assistant", tool_use(call.id, call.function.name, call.function.arguments))
                for call in calls or ()
            )
        case ToolMessage(call_id, content):
            result = {"type": "tool_result", "tool_use_id": call_id}
            yield "user", {**result, "content": list(_blocks(content))}


def _blocks(content: Content) -> Iterator[Block]:
    """Content as blocks; empty text says nothing and the Messages API refuses it."""
    parts = [TextPart(content)] if isinstance(content, str) else content or ()
    return (_block(part) for part in parts if part not in (TextPart(""), RefusalPart("")))


def _block(part: Part) -> Block:
    match part:
        case TextPart(words) | RefusalPart(words):
            return text(words)
        case ImagePart(image):
            return {"type": "image", "source": source(image.url, "image_url")}
        case FilePart(file):
            return document(file.file_data, "file_data", file.filename)


def _choice(chat: ChatRequest) -> Block | None:
    wanted = chat.tool_choice
    if isinstance(wanted, Tool):
        return choice(
            {"type": "tool", "name": wanted.function.name}, parallel=chat.parallel_tool_calls
        )
    return choice(wanted, parallel=chat.parallel_tool_calls)


def _form(wanted: ResponseFormat | None) -> Block | None:
    match wanted:
        case None | ResponseFormat("text" | "json_object"):
            return None
        case ResponseFormat("json_schema", schema) if schema and schema.schema is not None:
            return schema_format(schema.schema)
        case _:
            raise BadRequestError(
                "response_format: must be text, json_object, or json_schema with a schema"
            )

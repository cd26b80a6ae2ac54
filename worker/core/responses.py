"""A responses request in the words of the Messages API."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from worker.core.message import Block
from worker.core.reasoning import opened
from worker.core.responses_request import (
    Content,
    Format,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    Part,
    Reasoning,
    Refusal,
    ResponsesRequest,
    Tool,
    ToolChoice,
)
from worker.core.thread import Exchange
from worker.core.translation import (
    JSON_ONLY,
    MAX_TOKENS,
    Function,
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

_INSTRUCTING: Final = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Past:
    """What a response that is gone on from leaves: messages, and what developers said in them."""

    messages: Sequence[object] = ()
    system: Sequence[object] = ()


def past_of(exchange: Exchange, instructions: object) -> Past:
    """The past that an exchange leaves. Its `instructions` are not inherited."""
    messages, system = (exchange.request.get(name) for name in ("messages", "system"))
    content = exchange.message.get("content")
    answer = [{"role": "assistant", "content": content}] if content else []
    dropped = (JSON_ONLY, text(str(instructions)) if instructions else None)
    return Past(
        [*(messages if isinstance(messages, list) else ()), *answer],
        [block for block in (system if isinstance(system, list) else ()) if block not in dropped],
    )


def to_messages(asked: ResponsesRequest, past: Past) -> Block:
    """The Messages API request that asks the same, going on from that past.

    Raises `BadRequestError` for what no answer could honour; unknown fields are dropped.
    """
    _refuse_unanswerable(asked)
    items = asked.items()
    options = asked.reasoning
    thoughts, effort = thinking(options.effort if options else None, asked.model)
    fields: Block = {
        "model": asked.model,
        "max_tokens": MAX_TOKENS if asked.max_output_tokens is None else asked.max_output_tokens,
        "system": list(_instructions(asked, past, items)) or None,
        "messages": [*past.messages, *turns(turn for item in items for turn in _said(item))],
        "stream": bool(asked.stream),
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "tools": [_tool(tool) for tool in asked.tools or ()] or None,
        "tool_choice": _choice(asked) if asked.tools else None,
        "output_config": output_config(_form(asked.text.format if asked.text else None), effort),
        "thinking": asked.thinking or thoughts,
    }
    return compact(fields)


def _refuse_unanswerable(asked: ResponsesRequest) -> None:
    if asked.background:
        raise BadRequestError("background: not served; use stream")
    if asked.conversation:
        raise BadRequestError("conversation: not served; use previous_response_id")
    if asked.prompt:
        raise BadRequestError("prompt: stored prompts are not served")
    if "message.output_text.logprobs" in (asked.include or ()):
        raise BadRequestError("include: logprobs are not served")


def _instructions(asked: ResponsesRequest, past: Past, items: Sequence[Item]) -> Iterator[object]:
    if asked.instructions:
        yield text(asked.instructions)
    yield from past.system
    for item in items:
        if isinstance(item, Message) and item.role in _INSTRUCTING:
            yield from _blocks(item.content)
    if asked.wants_json:
        yield JSON_ONLY


def _said(item: Item) -> Iterator[tuple[str, Block]]:
    match item:
        case Message(role, content) if role not in _INSTRUCTING:
            yield from ((role, block) for block in _blocks(content))
        case FunctionCall(call_id, name, arguments):
            yield "assistant", tool_use(call_id, name, arguments)
        case FunctionCallOutput(call_id, output):
            result = {"type": "tool_result", "tool_use_id": call_id}
            yield "user", {**result, "content": list(_blocks(output))}
        case Reasoning(encrypted) if thought := opened(encrypted):
            yield "assistant", thought


def _blocks(content: Content) -> Iterator[Block]:
    """Content as blocks; empty text says nothing and the Messages API refuses it."""
    parts = [InputText(content)] if isinstance(content, str) else content
    blocks = (_block(part) for part in parts)
    return (block for block in blocks if block != text(""))


def _block(part: Part) -> Block:
    match part:
        case InputText(words) | OutputText(words) | Refusal(words):
            return text(words)
        case InputImage(url) if url:
            return {"type": "image", "source": source(url, "image_url")}
        case InputFile(file_data=url, filename=name) if url:
            return document(url, "file_data", name)
        case InputFile(file_url=url, filename=name) if url:
            return document(url, "file_url", name)
        case _:
            raise BadRequestError("input: images and files are served as data: URLs, not by id")


def _tool(tool: Tool) -> Block:
    if tool.type != "function" or not tool.name:
        raise BadRequestError("tools: only functions are served, no tools of the provider")
    return custom_tool(Function(tool.name, tool.description, tool.parameters, tool.strict))


def _choice(asked: ResponsesRequest) -> Block | None:
    match asked.tool_choice:
        case ToolChoice("function", name) if name:
            wanted: str | Block | None = {"type": "tool", "name": name}
        case ToolChoice():
            raise BadRequestError("tool_choice: must be auto, required, none or a function")
        case named:
            wanted = named
    return choice(wanted, parallel=asked.parallel_tool_calls)


def _form(wanted: Format | None) -> Block | None:
    match wanted:
        case None | Format("text" | "json_object"):
            return None
        case Format("json_schema", schema) if schema is not None:
            return schema_format(schema)
        case _:
            raise BadRequestError(
                "text.format: must be text, json_object, or json_schema with a schema"
            )

"""A Messages API request in the words of chat completions, for an OpenAI-style upstream."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import msgspec

from worker.core.chat_answer import tool_call
from worker.core.history import Utterance, turns_of
from worker.core.message import Block
from worker.core.openai_content import parts_of, text_of
from worker.core.prompt import Prompt
from worker.core.translation import compact
from worker.errors import BadRequestError

_THOUGHTS: Final = ("thinking", "redacted_thinking")
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
_EFFORTS: Final = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_BUDGETS: Final = ((4096, "low"), (8192, "medium"))
"""Thinking budgets (tokens) below which the effort is such; from the last on it is high."""
_LONGEST_USER: Final = 64


@dataclass(frozen=True, slots=True)
class Accent:
    """How an upstream wants to be asked.

    `models` maps a requested model to the upstream's. `limit` names the field of an answer's
    length. Without `efforts` it is never told how much to think.
    """

    models: Mapping[str, str] = field(default_factory=dict)
    limit: str = "max_tokens"
    efforts: bool = True


def to_chat(prompt: Prompt, accent: Accent, *, stream: bool) -> Block:
    """The chat completions request that asks the same.

    Raises `BadRequestError` for what such an upstream has no words for.
    """
    fields: Block = {
        "model": accent.models.get(prompt.model, prompt.model),
        "messages": [*_system(prompt), *_messages(prompt)],
        accent.limit: prompt.max_tokens,
        "temperature": prompt.temperature,
        "top_p": prompt.top_p,
        "stop": prompt.stop_sequences or None,
        "reasoning_effort": _effort(prompt) if accent.efforts else None,
        "response_format": _format(prompt.output_config or {}),
        "user": _user(prompt.metadata or {}),
        "stream": stream,
        "stream_options": {"include_usage": True} if stream else None,
        **_tools(prompt),
    }
    return compact(fields)


def _system(prompt: Prompt) -> Iterator[Block]:
    if text := "\n\n".join(filter(None, prompt.system_texts())):
        yield {"role": "system", "content": text}


def _messages(prompt: Prompt) -> Iterator[Block]:
    turns = turns_of(prompt.messages)
    if not turns or turns[-1].role != "user":
        raise BadRequestError("messages: the last message must use the user role")
    for turn in turns:
        yield from _assistant(turn) if turn.role == "assistant" else _user_turn(turn.blocks)


def _assistant(turn: Utterance) -> Iterator[Block]:
    """What was said and called; thinking stays behind, as nobody could check its signature."""
    said = [block for block in turn.blocks if block.get("type") not in _THOUGHTS]
    calls = [_call(block) for block in said if block.get("type") == "tool_use"]
    words = text_of(block for block in said if block.get("type") != "tool_use")
    if words or calls:
        yield compact({"role": "assistant", "content": words or None, "tool_calls": calls or None})


def _call(block: Block) -> Block:
    return tool_call(block, msgspec.json.encode(block.get("input") or {}).decode())


def _user_turn(blocks: Sequence[Block]) -> Iterator[Block]:
    """The results of tools as messages of their own, then what was said; results hold text only."""
    shown: list[Block] = []
    for block in blocks:
        if block.get("type") == "tool_result":
            yield {"role": "tool", **_result(block, shown)}
    shown += parts_of(block for block in blocks if block.get("type") != "tool_result")
    match shown:
        case []:
            return
        case [{"type": "text", "text": text}]:
            yield {"role": "user", "content": text}
        case _:
            yield {"role": "user", "content": shown}


def _result(block: Block, shown: list[Block]) -> Block:
    """One result; what is no text in it is `shown` with what the user says next."""
    content = block.get("content") or ""
    inner = [{"type": "text", "text": content}] if isinstance(content, str) else content
    parts = parts_of(inner if isinstance(inner, list) else [inner])
    texts = [str(part["text"]) for part in parts if part["type"] == "text"]
    if images := [part for part in parts if part["type"] != "text"]:
        shown += [
            {"type": "text", "text": f"Of the result of {block.get('tool_use_id')}:"},
            *images,
        ]
    mark = "Error: " if block.get("is_error") else ""
    return {"tool_call_id": block.get("tool_use_id"), "content": mark + "\n".join(texts)}


def _tools(prompt: Prompt) -> Block:
    if not prompt.tools:
        return {}
    choice = prompt.tool_choice or {}
    alone = choice.get("disable_parallel_tool_use") is True
    return {
        "tools": list(_functions(prompt.tools)),
        "tool_choice": _choice(choice) if choice else None,
        "parallel_tool_calls": False if alone else None,
    }


def _functions(tools: Iterable[Block]) -> Iterator[Block]:
    for index, tool in enumerate(tools):
        if tool.get("type", "custom") not in ("custom", None):
            raise BadRequestError(f"tools.{index}.type: {tool['type']!r} is not served here")
        told = {name: tool.get(name) for name in ("name", "description", "strict")}
        function = compact({**told, "parameters": tool.get("input_schema")})
        yield {"type": "function", "function": function}


def _choice(choice: Block) -> object:
    match choice:
        case {"type": "tool", "name": str(name)}:
            return {"type": "function", "function": {"name": name}}
        case {"type": "auto" | "any" | "none" as kind}:
            return _CHOICES[kind]
        case _:
            raise BadRequestError("tool_choice: must be of type auto, any, none or tool")


def _effort(prompt: Prompt) -> str | None:
    """The effort that a budget or an effort of thinking comes to."""
    match prompt.thinking:
        case {"type": "disabled"}:
            return None
        case {"budget_tokens": int(budget)}:
            return next((effort for below, effort in _BUDGETS if budget < below), "high")
        case _:
            return _EFFORTS.get(str((prompt.output_config or {}).get("effort")))


def _format(config: Block) -> Block | None:
    match config.get("format"):
        case {"type": "json_schema", "schema": dict(schema)}:
            told = {"name": "answer", "schema": schema, "strict": True}
            return {"type": "json_schema", "json_schema": told}
        case None:
            return None
        case _:
            raise BadRequestError("output_config.format: must be of type json_schema")


def _user(metadata: Block) -> str | None:
    """The client's own user; what is too long for this field is told by its digest."""
    user = metadata.get("user_id")
    if not isinstance(user, str) or len(user) <= _LONGEST_USER:
        return user if isinstance(user, str) else None
    return blake2b(user.encode(), digest_size=16).hexdigest()

"""A message as a response, and what that shares with the events of a stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from worker.core.json_only import json_only
from worker.core.message import Block
from worker.core.reasoning import THOUGHTS, sealed
from worker.core.responses_request import ResponsesRequest
from worker.core.usage import usage_of

_INCOMPLETE: Final = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}
_ECHOED: Final[Mapping[str, object]] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "user": None,
}
"""What a response repeats of its request, with what stands there where nothing was asked."""
_message = msgspec.json.Decoder(Block)


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a response before it is answered. `created` is in epoch seconds.

    Without `summary` nothing is told of what was thought, without `encrypted` it cannot be sent
    back; with `json` the text is the JSON object in it.
    """

    id: str
    created: int
    model: str
    echo: Mapping[str, object] = field(default_factory=lambda: _ECHOED, repr=False)
    summary: bool = False
    encrypted: bool = False
    json: bool = False

    def item_id(self, kind: str, index: int) -> str:
        """Names an item of the output, apart from those of any other response."""
        return f"{kind}_{self.id.removeprefix('resp_')}{index:04x}"


def head_of(answer: str, created: int, asked: ResponsesRequest, raw: Mapping[str, object]) -> Head:
    """The head of the response to a request; `raw` is the same request, whole."""
    echo = {name: usual if raw.get(name) is None else raw[name] for name, usual in _ECHOED.items()}
    tools = [msgspec.to_builtins(tool) for tool in asked.tools or ()]
    return Head(
        answer,
        created,
        asked.model,
        {**echo, "tools": tools},
        summary=asked.wants_summary,
        encrypted=asked.wants_encrypted,
        json=asked.wants_json,
    )


def response(head: Head, message: bytes) -> bytes:
    """The JSON answer that says what a whole message says."""
    return msgspec.json.encode(whole(head, _message.decode(message)))


def whole(head: Head, message: Block) -> Block:
    """The response that says what a whole message says."""
    blocks = message.get("content")
    output = items(head, blocks if isinstance(blocks, list) else [], ending(message))
    return told(head, message, output)


def ending(message: Block) -> str:
    """How the answer ended: completed, or incomplete."""
    return "incomplete" if message.get("stop_reason") in _INCOMPLETE else "completed"


def items(head: Head, blocks: Sequence[Block], ended: str) -> list[Block]:
    """The output. Where the answer is incomplete, it is its last item that was not finished."""
    shown = [block for block in blocks if kind_of(block)]
    last = len(shown) - 1
    return [
        item(head, index, block, ended if index == last else "completed")
        for index, block in enumerate(shown)
    ]


def told(head: Head, message: Block | None, output: Sequence[Block]) -> Block:
    """A response as it stands: without a message it is in progress.

    Its usage comes before what anybody wrote, where it is found without reading on.
    """
    status = "in_progress" if message is None else ending(message)
    reason = _INCOMPLETE.get(str(message.get("stop_reason"))) if message else None
    return {
        "id": head.id,
        "object": "response",
        "created_at": head.created,
        "status": status,
        "usage": _usage(message) if message else None,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": message.get("model", head.model) if message else head.model,
        "output": output,
        "truncation": "disabled",
        **head.echo,
    }


def kind_of(block: Block) -> str | None:
    """What a block is as an item, in the letters its id begins with; None: nothing."""
    match block.get("type"):
        case "text":
            return "msg"
        case "tool_use":
            return "fc"
        case kind if kind in THOUGHTS:
            return "rs"
        case _:
            return None


def item(head: Head, index: int, block: Block, status: str) -> Block:
    """A block as an item of the output; in progress it has no content yet."""
    kind = kind_of(block)
    begun = {"id": head.item_id(str(kind), index), "status": status}
    unfinished = status == "in_progress"
    if kind == "msg":
        words = str(block.get("text", ""))
        parts = [] if unfinished else [part(json_only(words) if head.json else words)]
        return {**begun, "type": "message", "role": "assistant", "content": parts}
    if kind == "fc":
        given = "" if unfinished else msgspec.json.encode(block.get("input")).decode()
        call = {"call_id": block.get("id"), "name": block.get("name"), "arguments": given}
        return {**begun, "type": "function_call", **call}
    thought: Block = {"summary": [] if unfinished else _summary(head, block)}
    if head.encrypted:
        thought["encrypted_content"] = None if unfinished else sealed(block)
    return {**begun, "type": "reasoning", **thought}


def part(words: str) -> Block:
    """A text as a part of a message."""
    return {"type": "output_text", "text": words, "annotations": [], "logprobs": []}


def summary_part(words: str) -> Block:
    """What was thought as a part of a summary."""
    return {"type": "summary_text", "text": words}


def _summary(head: Head, block: Block) -> list[Block]:
    words = block.get("thinking")
    return [summary_part(str(words))] if head.summary and words else []


def _usage(message: Block) -> Block:
    """The tokens; those of the input are all in one, whatever part a cache had in them."""
    used = usage_of(message)
    return {
        "input_tokens": used.given,
        "input_tokens_details": {
            "cached_tokens": used.cache_read_input_tokens,
            "cache_write_tokens": used.cache_creation_input_tokens,
        },
        "output_tokens": used.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used.given + used.output_tokens,
    }

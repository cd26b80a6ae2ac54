"""A message as a response, and what that shares with the events of a stream."""

from collections.abc import Sequence
from typing import Final

import msgspec

from worker.core.json_only import json_only
from worker.core.message import Block
from worker.core.reasoning import THOUGHTS, sealed
from worker.core.responses_head import Head
from worker.core.usage import usage_of

_INCOMPLETE: Final = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}
_message = msgspec.json.Decoder(Block)


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
    kind = str(kind_of(block))
    named = {"id": head.item_id(kind, index), "status": status}
    return {**named, **_CONTENTS[kind](head, block, begun=status == "in_progress")}


def _message_of(head: Head, block: Block, *, begun: bool) -> Block:
    words = str(block.get("text", ""))
    parts = [] if begun else [part(json_only(words) if head.json else words)]
    return {"type": "message", "role": "assistant", "content": parts}


def _call_of(_head: Head, block: Block, *, begun: bool) -> Block:
    given = "" if begun else msgspec.json.encode(block.get("input")).decode()
    call = {"call_id": block.get("id"), "name": block.get("name"), "arguments": given}
    return {"type": "function_call", **call}


def _reasoning_of(head: Head, block: Block, *, begun: bool) -> Block:
    words = "" if begun or not head.summary else str(block.get("thinking", ""))
    told: Block = {"type": "reasoning", "summary": [summary_part(words)] if words else []}
    return told | (
        {"encrypted_content": None if begun else sealed(block)} if head.encrypted else {}
    )


_CONTENTS: Final = {"msg": _message_of, "fc": _call_of, "rs": _reasoning_of}


def part(words: str) -> Block:
    """A text as a part of a message."""
    return {"type": "output_text", "text": words, "annotations": [], "logprobs": []}


def summary_part(words: str) -> Block:
    """What was thought as a part of a summary."""
    return {"type": "summary_text", "text": words}


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

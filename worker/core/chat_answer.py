"""A whole message as a chat completion, and what it shares with the chunks of a stream."""

from typing import Final

import msgspec

from worker.core.json_only import json_only
from worker.core.message import Block
from worker.core.usage import usage_of

_REASONS: Final = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class _Said(msgspec.Struct):
    id: str = ""
    model: str = ""
    content: list[Block] = []
    stop_reason: str | None = None
    usage: Block = {}


_decoder = msgspec.json.Decoder(_Said)


def completion(message: bytes, created: int, *, json: bool = False) -> bytes:
    """The `chat.completion` that says what the message says; `created` is in epoch seconds.

    With `json` its content is the JSON object in what the message says.
    """
    said = _decoder.decode(message)
    told = {
        "id": said.id,
        "object": "chat.completion",
        "created": created,
        "model": said.model,
        "choices": [
            {
                "index": 0,
                "message": _message(said.content, json=json),
                "logprobs": None,
                "finish_reason": finish_reason(said.stop_reason),
            }
        ],
        "usage": usage(said.usage),
    }
    return msgspec.json.encode(told)


def finish_reason(stop_reason: object) -> str:
    """Why an answer ended, in the words of this dialect."""
    return _REASONS.get(str(stop_reason), "stop")


def usage(counted: Block) -> Block:
    """The tokens; those of the input are all in one, whatever part a cache had in them."""
    used = usage_of({"usage": counted})
    return {
        "prompt_tokens": used.given,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.given + used.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": used.cache_read_input_tokens,
            "cache_write_tokens": used.cache_creation_input_tokens,
        },
    }


def tool_call(block: Block, arguments: str) -> Block:
    """A `tool_use` block as a call of a function."""
    function = {"name": block.get("name"), "arguments": arguments}
    return {"id": block.get("id"), "type": "function", "function": function}


def _message(content: list[Block], *, json: bool) -> Block:
    texts = [block.get("text") for block in content if block.get("type") == "text"]
    thoughts = [block.get("thinking") for block in content if block.get("type") == "thinking"]
    calls = [
        tool_call(block, msgspec.json.encode(block.get("input")).decode())
        for block in content
        if block.get("type") == "tool_use"
    ]
    words = _joined(texts)
    words = json_only(words) if json and words else words
    said: Block = {"role": "assistant", "content": words, "refusal": None}
    if thoughts:
        said["reasoning_content"] = _joined(thoughts)
    if calls:
        said["tool_calls"] = calls
    return said


def _joined(texts: list[object]) -> str | None:
    return "".join(map(str, texts)) if texts else None

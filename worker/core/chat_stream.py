"""The events of one message as the chunks of a chat completion."""

from collections.abc import Iterator
from typing import Final

import msgspec

from worker.core.chat_answer import finish_reason, tool_call, usage
from worker.core.json_only import JsonOnly
from worker.core.message import Block, decode_event

_DONE: Final = b"[DONE]"
_SAID: Final = {"text": "content", "thinking": "reasoning_content"}


class ChatStream:
    """Takes one message's events in order and gives the data of chunks.

    Usage stands on the last chunk of the choice, or on a chunk of its own where the client asked
    for that. `created` is in epoch seconds. With `json` the content is the JSON object in it.
    """

    def __init__(self, created: int, *, own_usage: bool, json: bool = False) -> None:
        self._head: Block = {"id": "", "object": "chat.completion.chunk", "created": created}
        self._own_usage = own_usage
        self._json = JsonOnly() if json else None
        self._stop_reason: object = None
        self._usage: Block = {}
        self._calls: dict[int, int] = {}
        self._unargued: set[int] = set()

    def feed(self, payload: bytes) -> Iterator[bytes]:
        """Take the JSON of an event; to be run to its end."""
        event = decode_event(payload)
        match event.type:
            case "message_start":
                yield self._begun(event.message)
            case "content_block_start":
                yield from self._opened(event.index, event.content_block)
            case "content_block_delta":
                yield from self._said(event.index, event.delta)
            case "content_block_stop" if event.index in self._unargued:
                yield self._argued(event.index, "{}")
            case "message_delta":
                self._stop_reason = event.delta.get("stop_reason")
                self._count(event.usage)
            case "message_stop":
                yield from self._ended()

    def _begun(self, message: Block) -> bytes:
        self._head |= {"id": message.get("id"), "model": message.get("model")}
        self._count(message.get("usage"))
        return self._delta({"role": "assistant", "content": "", "refusal": None})

    def _opened(self, index: int, block: Block) -> Iterator[bytes]:
        if block.get("type") != "tool_use":
            yield from self._said(index, block)
            return
        self._calls[index] = number = len(self._calls)
        self._unargued.add(index)
        yield self._delta({"tool_calls": [{"index": number, **tool_call(block, "")}]})
        if given := block.get("input"):
            yield self._argued(index, msgspec.json.encode(given).decode())

    def _said(self, index: int, delta: Block) -> Iterator[bytes]:
        for source, target in _SAID.items():
            words = delta.get(source)
            if source == "text" and self._json:
                words = self._json.feed(str(words or ""))
            if words:
                yield self._delta({target: words})
        part = delta.get("partial_json")
        if part and index in self._calls:
            yield self._argued(index, str(part))

    def _argued(self, index: int, part: str) -> bytes:
        self._unargued.discard(index)
        call = {"index": self._calls[index], "function": {"arguments": part}}
        return self._delta({"tool_calls": [call]})

    def _ended(self) -> Iterator[bytes]:
        """Only now: nobody may take a stream that breaks after its stop reason for finished."""
        if self._json and (rest := self._json.rest()):
            yield self._delta({"content": rest})
        told = usage(self._usage)
        finished = finish_reason(self._stop_reason)
        yield self._delta({}, finished, None if self._own_usage else told)
        if self._own_usage:
            yield self._chunk([], told)
        yield _DONE

    def _count(self, counted: object) -> None:
        """Later figures are totals; what they leave out stays."""
        found = counted if isinstance(counted, dict) else {}
        self._usage |= {name: n for name, n in found.items() if n is not None}

    def _delta(self, delta: Block, finished: str | None = None, told: Block | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finished}
        return self._chunk([choice], told)

    def _chunk(self, choices: list[Block], told: Block | None) -> bytes:
        return msgspec.json.encode({**self._head, "choices": choices, "usage": told})

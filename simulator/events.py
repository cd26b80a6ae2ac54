"""An answer as a Messages API message, whole or as stream events."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from simulator.answers import Answer, Part, pieces
from simulator.prompt import sign

_DELTAS = {"text": "text_delta", "thinking": "thinking_delta", "tool_use": "input_json_delta"}
_FIELDS = {"text": "text", "thinking": "thinking", "tool_use": "partial_json"}
_EMPTY: dict[str, dict[str, object]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
}


@dataclass(frozen=True, slots=True)
class Piece:
    """What goes out in one write: one stream event, or a part of a JSON body."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with what the provider adds to it."""

    id: str
    model: str
    answer: Answer
    input_usage: Mapping[str, object]

    def usage(self, output_tokens: int) -> dict[str, object]:
        return {**self.input_usage, "output_tokens": output_tokens, "service_tier": "standard"}


def whole_message(reply: Reply) -> bytes:
    answer = reply.answer
    content = [part.content() for part in answer.parts]
    ending = {"stop_reason": answer.stop_reason, "stop_sequence": answer.stop_sequence}
    return msgspec.json.encode(
        {**_head(reply), "content": content, **ending, "usage": reply.usage(answer.output_tokens)}
    )


def stream_events(reply: Reply) -> Iterator[Piece]:
    answer = reply.answer
    start = {**_head(reply), "content": [], "stop_reason": None, "stop_sequence": None}
    yield event("message_start", {"message": {**start, "usage": reply.usage(1)}})
    yield event("ping", {})
    for index, part in enumerate(answer.parts):
        yield from _block_events(index, part)
    ending = {"stop_reason": answer.stop_reason, "stop_sequence": answer.stop_sequence}
    usage = reply.usage(answer.output_tokens)
    yield event("message_delta", {"delta": ending, "usage": usage})
    yield event("message_stop", {})


def event(name: str, fields: Mapping[str, object]) -> Piece:
    data = msgspec.json.encode({"type": name, **fields})
    return Piece(name, b"event: %b\ndata: %b\n\n" % (name.encode(), data))


def _head(reply: Reply) -> dict[str, object]:
    return {"id": reply.id, "type": "message", "role": "assistant", "model": reply.model}


def _block_events(index: int, part: Part) -> Iterator[Piece]:
    empty = _EMPTY.get(part.type, {"id": part.id, "name": part.name, "input": {}})
    start = {"index": index, "content_block": {"type": part.type, **empty}}
    yield event("content_block_start", start)
    kind, field = _DELTAS[part.type], _FIELDS[part.type]
    for text in pieces(part.body):
        yield _delta(index, {"type": kind, field: text})
    if part.type == "thinking":
        yield _delta(index, {"type": "signature_delta", "signature": sign(part.body)})
    yield event("content_block_stop", {"index": index})


def _delta(index: int, delta: Mapping[str, object]) -> Piece:
    return event("content_block_delta", {"index": index, "delta": delta})

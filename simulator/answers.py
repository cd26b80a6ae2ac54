"""A whole answer: its content blocks, and why it stopped."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from simulator.markers import Marker, read_markers
from simulator.prompt import Request, sign
from simulator.replies import prose, reply_to

_PIECE = re.compile(r"\s*\S{1,8}|\s+")
_THOUGHT = 12

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use"]


@dataclass(frozen=True, slots=True)
class Part:
    """One content block. `body` is its text, its thinking, or its input as JSON."""

    type: Literal["text", "thinking", "tool_use"]
    body: str
    id: str = ""
    name: str = ""

    def content(self) -> dict[str, object]:
        """The finished block."""
        if self.type == "thinking":
            return {"type": "thinking", "thinking": self.body, "signature": sign(self.body)}
        if self.type == "text":
            return {"type": "text", "text": self.body}
        value = msgspec.json.decode(self.body)
        return {"type": "tool_use", "id": self.id, "name": self.name, "input": value}


@dataclass(frozen=True, slots=True)
class Answer:
    parts: tuple[Part, ...]
    stop_reason: StopReason
    stop_sequence: str | None
    output_tokens: int


def pieces(text: str) -> list[str]:
    """The text in tokens of up to eight letters; a stream sends each as one delta."""
    return _PIECE.findall(text)


def answer_to(request: Request, tokens: int) -> Answer:
    """Answer the last user message; `tokens` is the length where nothing else decides."""
    said, _ = read_markers(request.last_user().text())
    _, markers = read_markers(request.directions()[0])
    thought = Part("thinking", prose("thinking " + said, _THOUGHT))
    parts = [thought] if _thinks(request, markers) else []
    calls = _calls(request, markers)
    text, stopped_by = _stop_at(reply_to(request, said, tokens), request.stop_sequences)
    if said or not calls:
        parts.append(Part("text", text))
    if stopped_by is not None:
        return _fit(parts, request, "stop_sequence", stopped_by)
    return _fit(parts + calls, request, "tool_use" if calls else "end_turn")


def _thinks(request: Request, markers: Sequence[Marker]) -> bool:
    mode = request.thinking.type if request.thinking else "disabled"
    return mode == "enabled" or (mode == "adaptive" and any("think" in m.args for m in markers))


def _calls(request: Request, markers: Sequence[Marker]) -> list[Part]:
    """The offered tools that the prompt asks for; `mcp__SERVER__` may be left out."""
    _, rounds = request.directions()
    orders = [
        marker
        for marker in markers
        if "tool" in marker.args and marker.args.get("step", "1") == str(rounds + 1)
    ]
    if not orders:
        return []
    seed = hashlib.sha256(b"".join(request.segments())).hexdigest()[:22]
    return [
        Part("tool_use", msgspec.json.encode(order.json).decode(), f"toolu_{n:02}{seed}", tool.name)
        for n, order in enumerate(orders)
        for tool in request.tools
        if order.args["tool"] in {tool.name, tool.name.rpartition("__")[2]}
    ]


def _stop_at(text: str, sequences: Sequence[str]) -> tuple[str, str | None]:
    found = [(at, stop) for stop in sequences if stop and (at := text.find(stop)) >= 0]
    if not found:
        return text, None
    at, stop = min(found)
    return text[:at], stop


def _fit(
    parts: Sequence[Part], request: Request, reason: StopReason, stopped_by: str | None = None
) -> Answer:
    """Cut what does not fit into max_tokens; a call that does not fit is left out whole."""
    room = request.max_tokens or 1
    fitting: list[Part] = []
    used = 0
    for part in parts:
        tokens = pieces(part.body)
        if used + len(tokens) > room:
            if part.type != "tool_use":
                fitting.append(Part(part.type, "".join(tokens[: room - used])))
            return Answer(tuple(fitting), "max_tokens", None, room)
        fitting.append(part)
        used += len(tokens)
    return Answer(tuple(fitting), reason, stopped_by, max(used, 1))

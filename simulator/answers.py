"""What the simulated model says: a pure function of the request, so that a test can foretell it."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from simulator.markers import Marker, read_markers
from simulator.prompt import Block, Request, sign

_WORDS = [
    "amber",
    "anchor",
    "autumn",
    "basket",
    "beacon",
    "birch",
    "bridge",
    "candle",
    "canyon",
    "cedar",
    "cloud",
    "coral",
    "copper",
    "crane",
    "dawn",
    "delta",
    "dune",
    "eagle",
    "ember",
    "falcon",
    "fern",
    "field",
    "flint",
    "forest",
    "garden",
    "glade",
    "granite",
    "harbor",
    "hazel",
    "heron",
    "hill",
    "ivory",
]
_PIECE = re.compile(r"\s*\S{1,8}|\s+")
_SAY = re.compile(r"^say: ?(.*)", re.DOTALL | re.MULTILINE)
_REMEMBER = re.compile(r"remember the word\W+(\w+)", re.IGNORECASE)
_RECALL = re.compile(r"(which|what)\b.*\bword\b", re.IGNORECASE)

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use"]


@dataclass(frozen=True, slots=True)
class Part:
    """One content block of an answer. `body` is its text, thinking, or input as JSON."""

    type: Literal["text", "thinking", "tool_use"]
    body: str
    id: str = ""
    name: str = ""


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
    said, markers = read_markers(request.last_user().text())
    parts = [Part("thinking", prose("thinking " + said, 12))] if _thinks(request, markers) else []
    calls = _calls(request, markers)
    text, stopped_by = _stop_at(_reply(request, said, tokens), request.stop_sequences)
    if not calls or said:
        parts.append(Part("text", text))
    if stopped_by is None:
        parts += calls
    reason: StopReason = "tool_use" if calls else "end_turn"
    return _fit(parts, request.max_tokens or 1, stopped_by, reason)


def prose(seed: str, tokens: int) -> str:
    """So many words, each one token; the same for the same seed."""
    digest = hashlib.shake_256(seed.encode()).digest(tokens)
    return " ".join(_WORDS[byte % len(_WORDS)] for byte in digest)


def _thinks(request: Request, markers: Sequence[Marker]) -> bool:
    mode = request.thinking.type if request.thinking else "disabled"
    return mode == "enabled" or (mode == "adaptive" and any("think" in m.args for m in markers))


def _reply(request: Request, said: str, tokens: int) -> str:
    content = request.last_user().blocks()
    if echo := _SAY.search(said):
        return echo[1]
    if results := [block.texts() for block in content if block.type == "tool_result"]:
        return "The tool answered: " + " / ".join(results)
    if word := _REMEMBER.search(said):
        return f"I will remember {word[1]}."
    if _RECALL.search(said):
        return _recall(request)
    if seen := [_describe(block) for block in content if block.type in {"image", "document"}]:
        return "I see " + ", ".join(seen) + "."
    return prose(said, tokens)


def _recall(request: Request) -> str:
    asked = (message.text() for message in request.messages if message.role == "user")
    words = [word for text in asked for word in _REMEMBER.findall(text)]
    return f"The word is {words[-1]}." if words else "I was told no word."


def _describe(block: Block) -> str:
    source = block.source
    if source is None or source.type != "base64":
        return f"{block.type} {source.url if source else 'without a source'}"
    size = len(source.data) * 3 // 4 - source.data[-2:].count("=")
    return f"{block.type} {source.media_type} of {size} bytes"


def _calls(request: Request, markers: Sequence[Marker]) -> list[Part]:
    """The offered tools that the prompt asks for; `mcp__SERVER__` may be left out."""
    seed = hashlib.sha256(b"".join(request.segments())).hexdigest()
    calls = []
    for number, marker in enumerate(markers):
        wanted = marker.args.get("tool")
        for tool in request.tools:
            if wanted and (tool.name == wanted or tool.name.endswith(f"__{wanted}")):
                body = msgspec.json.encode(marker.json).decode()
                calls.append(Part("tool_use", body, f"toolu_{number:02}{seed[:22]}", tool.name))
    return calls


def _stop_at(text: str, sequences: Sequence[str]) -> tuple[str, str | None]:
    found = [(at, stop) for stop in sequences if stop and (at := text.find(stop)) >= 0]
    if not found:
        return text, None
    at, stop = min(found)
    return text[:at], stop


def _fit(parts: Sequence[Part], room: int, stopped_by: str | None, reason: StopReason) -> Answer:
    """Cut what does not fit into max_tokens; a call that does not fit is left out whole."""
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
    if stopped_by is not None:
        return Answer(tuple(fitting), "stop_sequence", stopped_by, max(used, 1))
    return Answer(tuple(fitting), reason, None, max(used, 1))


def content_of(part: Part) -> dict[str, object]:
    """The finished content block."""
    if part.type == "thinking":
        return {"type": "thinking", "thinking": part.body, "signature": sign(part.body)}
    if part.type == "text":
        return {"type": "text", "text": part.body}
    value = msgspec.json.decode(part.body)
    return {"type": "tool_use", "id": part.id, "name": part.name, "input": value}

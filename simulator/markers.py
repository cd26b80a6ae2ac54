"""Directions inside a prompt: `[[sim:tokens=200 rate=50]]`, `[[sim:tool=NAME {json}]]`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder

from simulator.errors import bad_request

_OPENING = "[[sim:"
_ARGUMENT = re.compile(r"\s*([\w-]+)(?:=([^\s\]{]+))?")
_CLOSING = re.compile(r"\s*\]\]")
_JSON = JSONDecoder()


@dataclass(frozen=True, slots=True)
class Marker:
    """One direction. A word without a value has the value ""; `text` is the marker as written."""

    args: Mapping[str, str]
    json: Mapping[str, object]
    text: str


def read_markers(text: str) -> tuple[str, tuple[Marker, ...]]:
    """The text without its markers, and the markers in order."""
    plain: list[str] = []
    markers: list[Marker] = []
    at = 0
    while (start := text.find(_OPENING, at)) >= 0:
        plain.append(text[at:start])
        marker = _marker_at(text, start)
        markers.append(marker)
        at = start + len(marker.text)
    plain.append(text[at:])
    return "".join(plain).strip(), tuple(markers)


def _marker_at(text: str, start: int) -> Marker:
    args: dict[str, str] = {}
    at = start + len(_OPENING)
    while match := _ARGUMENT.match(text, at):
        args[match[1]] = match[2] or ""
        at = match.end()
    value, at = _json_at(text, at)
    closing = _CLOSING.match(text, at)
    if closing is None:
        raise bad_request(f"simulator marker is not understood: {text[start : start + 80]}")
    return Marker(args, value, text[start : closing.end()])


def _json_at(text: str, at: int) -> tuple[Mapping[str, object], int]:
    brace = len(text) - len(text[at:].lstrip())
    if not text.startswith("{", brace):
        return {}, at
    try:
        value, end = _JSON.raw_decode(text, brace)
    except JSONDecodeError as exc:
        raise bad_request(f"simulator marker holds bad JSON: {exc}") from exc
    return value, end

"""What was said in a session as text for people."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from worker.core.message import Block
from worker.core.thread import Said

_TICKS: Final = re.compile("`+")


def markdown_of(transcript: Iterable[Said]) -> str:
    """One heading for each time that a side spoke; what is no text is named or fenced."""
    return "\n".join(
        f"## {said.role}\n\n" + "".join(f"{_text(block)}\n\n" for block in said.content)
        for said in transcript
    )


def _text(block: Block) -> str:
    match block:
        case {"type": "text", "text": text}:
            return str(text)
        case {"type": "thinking", "thinking": thought}:
            return _quoted(str(thought))
        case {"type": "tool_use", "name": name}:
            return f"Calls `{name}`:\n\n" + _fenced(block.get("input"))
        case {"type": "tool_result", "content": content}:
            return "Result:\n\n" + _result(content)
        case _:
            return f"({block.get('type')})"


def _result(content: object) -> str:
    if isinstance(content, list):
        return "\n\n".join(_text(block) for block in content if isinstance(block, dict))
    return _fenced(content)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def _fenced(value: object) -> str:
    """In a fence longer than any within."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    longest = max((len(ticks) for ticks in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"

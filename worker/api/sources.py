"""PURE: where the images and documents of a request come from."""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from worker.core.message import Block
from worker.errors import BadRequestError

_CARRIERS: Final = frozenset({"image", "document"})
_HOLDERS: Final = ("content", "source")
_WEB: Final = re.compile(r"(?i)https?://")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request names by URL; `kind` is its block's type."""

    kind: str
    url: str


def check_sources(messages: list[object]) -> None:
    """Refuse every source that is neither in the request itself nor on the web."""
    for index, message in enumerate(messages):
        if isinstance(message, Mapping):
            for _, source in _sources(message.get("content")):
                _check(source, f"messages.{index}")


def wanted_of(messages: object) -> list[Wanted]:
    """What somebody would have to fetch, each once."""
    found = dict.fromkeys(
        Wanted(str(kind), str(source["url"]))
        for message in (messages if isinstance(messages, list) else ())
        if isinstance(message, Mapping)
        for kind, source in _sources(message.get("content"))
        if isinstance(source, Mapping) and source.get("type") == "url"
    )
    return list(found)


def with_sources(value: object, found: Mapping[Wanted, Block]) -> object:
    """Messages, or any part of them, with what was found in the place of its URLs."""
    match value:
        case list():
            return [with_sources(item, found) for item in value]
        case {"type": str(kind), "source": {"type": "url", "url": str(url)}, **rest}:
            source = found.get(Wanted(kind, url), {"type": "url", "url": url})
            return {"type": kind, "source": source, **rest}
        case Mapping():
            return {
                name: with_sources(inner, found) if name in _HOLDERS else inner
                for name, inner in value.items()
            }
        case _:
            return value


def _sources(content: object) -> Iterator[tuple[object, object]]:
    """Find the sources of content blocks, those in tool results and nested documents included."""
    pending = [content]
    while pending:
        blocks = pending.pop()
        for block in blocks if isinstance(blocks, list) else ():
            if not isinstance(block, Mapping):
                continue
            pending.append(block.get("content"))
            if block.get("type") in _CARRIERS:
                source = block.get("source")
                yield block["type"], source
                pending.append(source.get("content") if isinstance(source, Mapping) else None)


def _check(source: object, where: str) -> None:
    match source:
        case {"type": "base64", "data": str(text)} if _is_base64(text):
            return
        case {"type": "text", "data": str()} | {"type": "content", "content": str() | list()}:
            return
        case {"type": "url", "url": str(url)} if _WEB.match(url):
            return
        case _:
            raise BadRequestError(
                f"{where}: image and document sources must be base64, text or http URLs"
            )


def _is_base64(text: str) -> bool:
    try:
        return bool(binascii.a2b_base64(text, strict_mode=True))
    except ValueError:
        return False

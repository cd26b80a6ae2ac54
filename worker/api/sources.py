"""PURE: where the images and documents of a request may come from: the request itself."""

import binascii
from collections.abc import Iterator, Mapping

from worker.errors import BadRequestError

_CARRIERS = frozenset({"image", "document"})


def check_sources(messages: list[object]) -> None:
    """Refuse every source that would make somebody fetch a URL or open a file."""
    for index, message in enumerate(messages):
        if isinstance(message, Mapping):
            for source in _sources(message.get("content")):
                _check(source, f"messages.{index}")


def _sources(content: object) -> Iterator[object]:
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
                yield source
                pending.append(source.get("content") if isinstance(source, Mapping) else None)


def _check(source: object, where: str) -> None:
    match source:
        case {"type": "base64", "data": str(text)} if _is_base64(text):
            return
        case {"type": "text", "data": str()} | {"type": "content", "content": str() | list()}:
            return
        case _:
            raise BadRequestError(f"{where}: image and document sources must be base64 or text")


def _is_base64(text: str) -> bool:
    try:
        return bool(binascii.a2b_base64(text, strict_mode=True))
    except ValueError:
        return False

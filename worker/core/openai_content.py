"""Content blocks of the Messages API as the parts of a chat message."""

from collections.abc import Iterable, Iterator, Mapping

from worker.core.message import Block
from worker.errors import BadRequestError


def parts_of(blocks: Iterable[object]) -> list[Block]:
    """The parts that say what the blocks say; raises `BadRequestError` where there is none."""
    return [part for block in blocks for part in _parts(block)]


def text_of(blocks: Iterable[object]) -> str:
    """The words of blocks that may hold nothing else."""
    parts = parts_of(blocks)
    if any(part["type"] != "text" for part in parts):
        raise BadRequestError("messages: an assistant's message may hold text and calls only")
    return "".join(str(part["text"]) for part in parts)


def _parts(block: object) -> Iterator[Block]:
    match block:
        case {"type": "text", "text": str(text)}:
            yield from _text(text)
        case {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}:
            yield {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}}
        case {"type": "document", "source": Mapping() as source, **rest}:
            yield from _document(source, rest.get("title"))
        case {"type": "tool_reference", "tool_name": str(name)}:
            yield from _text(f"The tool {name} is at hand.")
        case {"type": kind}:
            raise BadRequestError(f"messages: blocks of type {kind!r} are not served here")
        case _:
            raise BadRequestError("messages: a content block must be an object with a type")


def _document(source: Mapping[str, object], title: object) -> Iterator[Block]:
    """Text goes in as such, under its title; a file of any other kind as it is."""
    match source:
        case {"type": "base64", "media_type": kind, "data": data}:
            name = title if isinstance(title, str) and title else "document.pdf"
            file = {"filename": name, "file_data": f"data:{kind};base64,{data}"}
            yield {"type": "file", "file": file}
        case {"type": "text", "data": str(text)} | {"type": "content", "content": str(text)}:
            yield from _text(f"{title}\n\n{text}" if title else text)
        case {"type": "content", "content": list(blocks)}:
            yield from _text(str(title)) if title else ()
            yield from parts_of(blocks)
        case _:
            raise BadRequestError("messages: a document must hold base64, text or content")


def _text(text: str) -> Iterator[Block]:
    if text:
        yield {"type": "text", "text": text}

"""What was said in a session as the items of an OpenAI conversation."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from worker.core.message import Block
from worker.core.responses_answer import part
from worker.core.thread import Said


def items_of(transcript: Iterable[Said]) -> list[Block]:
    """The items in their order. Neighbouring texts and images of one side are one message."""
    return [item for said in transcript for item in _items(said)]


def _items(said: Said) -> Iterator[Block]:
    content: list[Block] = []
    for number, block in enumerate(said.content):
        name = f"{said.id}{number}"
        match block.get("type"):
            case "tool_use" | "tool_result" | "thinking":
                yield from _message(said, content, f"msg_{name}_")
                content = []
                yield _own_item(block, name)
            case _:
                content += _part(block, said.role)
    yield from _message(said, content, f"msg_{said.id}")


def _message(said: Said, content: Sequence[Block], name: str) -> Iterator[Block]:
    if content:
        yield {
            "id": name,
            "type": "message",
            "role": said.role,
            "status": "completed" if said.complete else "incomplete",
            "content": content,
        }


def _own_item(block: Block, name: str) -> Block:
    match block.get("type"):
        case "tool_use":
            return {
                "id": f"fc_{name}",
                "type": "function_call",
                "call_id": block.get("id"),
                "name": block.get("name"),
                "arguments": msgspec.json.encode(block.get("input", {})).decode(),
                "status": "completed",
            }
        case "tool_result":
            return {
                "id": f"fco_{name}",
                "type": "function_call_output",
                "call_id": block.get("tool_use_id"),
                "output": _output(block.get("content")),
                "status": "completed",
            }
        case _:
            thought = {"type": "reasoning_text", "text": block.get("thinking", "")}
            return {"id": f"rs_{name}", "type": "reasoning", "summary": [], "content": [thought]}


def _output(content: object) -> object:
    if not isinstance(content, list):
        return content or ""
    blocks = [block for block in content if isinstance(block, dict)]
    return [part for block in blocks for part in _part(block, "user")]


def _part(block: Block, role: str) -> list[Block]:
    match block:
        case {"type": "text", "text": text} if role == "assistant":
            return [part(str(text))]
        case {"type": "text", "text": text}:
            return [{"type": "input_text", "text": text}]
        case {"type": "image", "source": Mapping() as source}:
            return [{"type": "input_image", "detail": "auto", "image_url": _url(source)}]
        case {"type": "document", "source": Mapping() as source}:
            title = block.get("title") or "document"
            return [{"type": "input_file", "filename": title, "file_data": _url(source)}]
        case _:
            return []


def _url(source: Mapping[str, object]) -> object:
    """Where it came from, or itself as a data URL."""
    if source.get("type") == "url":
        return source.get("url")
    data, kind = source.get("data", ""), source.get("media_type", "text/plain")
    return f"data:{kind};base64,{data}" if source.get("type") == "base64" else data

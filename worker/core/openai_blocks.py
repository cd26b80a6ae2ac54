"""The blocks of a message out of the deltas of a chat completion: one is open at a time."""

from collections.abc import Iterator
from typing import Final

import msgspec

from worker.core.message import Block
from worker.core.openai_chunk import Call, Said

Frame = tuple[str, bytes]
"""The name and the JSON of an event."""
_EMPTY: Final[dict[str, Block]] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}


def frame(name: str, **fields: object) -> Frame:
    """An event of the Messages API."""
    return name, msgspec.json.encode({"type": name, **fields})


class _Tool:
    """A call that is being told."""

    def __init__(self, call: Call, fallback: str) -> None:
        self.index = call.index
        self.id = call.id or fallback
        self.arguments = ""

    def goes_on(self, call: Call) -> bool:
        """Whether a delta is a part of this call."""
        if call.id:
            return call.id == self.id
        return call.index == self.index and not (call.function.name and self.arguments)

    def check(self) -> None:
        """Raise `ValueError` unless its arguments are whole."""
        msgspec.json.decode(self.arguments or "{}", type=dict[str, object])


class Blocks:
    """Takes what is said in order. What makes no sense raises `ValueError`.

    Calls without a name of their own are named after the `turn`. `size` is that of all words so
    far in bytes, `called` whether any tool was.
    """

    def __init__(self, turn: str) -> None:
        self._turn = turn
        self.size = 0
        self.called = False
        self._index = 0
        self._kind: str | None = None
        self._tool: _Tool | None = None
        self._told: set[int | None] = set()

    def feed(self, said: Said) -> Iterator[Frame]:
        """The events of a delta; to be run to its end."""
        yield from self._words("thinking", said.reasoning_content or said.reasoning)
        yield from self._words("text", said.content or said.refusal)
        for call in said.tool_calls or ():
            yield from self._part(call)

    def close(self, *, cut: bool = False) -> Iterator[Frame]:
        """End the block that is open; a call that was `cut` at a limit need not be whole."""
        if self._kind is None:
            return
        if self._tool:
            self._told.add(self._tool.index)
            if not cut:
                self._tool.check()
        yield frame("content_block_stop", index=self._index)
        self._kind, self._tool, self._index = None, None, self._index + 1

    def _words(self, kind: str, words: str | None) -> Iterator[Frame]:
        if words and self._kind != kind:
            yield from self._open(kind, _EMPTY[kind])
        if words:
            yield self._delta(f"{kind}_delta", kind, words)

    def _part(self, call: Call) -> Iterator[Frame]:
        if self._tool is None or not self._tool.goes_on(call):
            yield from self._begin(call)
        if self._tool and (part := call.function.arguments):
            self._tool.arguments += part
            yield self._delta("input_json_delta", "partial_json", part)

    def _begin(self, call: Call) -> Iterator[Frame]:
        name = call.function.name
        if not name or (call.index in self._told and call.index is not None and not call.id):
            raise ValueError("a part of a call that is not being told")
        yield from self.close()
        tool = _Tool(call, f"call_{self._turn}_{self._index}")
        block: Block = {"type": "tool_use", "id": tool.id, "name": name, "input": {}}
        yield from self._open("tool_use", block)
        self._tool, self.called = tool, True

    def _open(self, kind: str, block: Block) -> Iterator[Frame]:
        yield from self.close()
        self._kind = kind
        yield frame("content_block_start", index=self._index, content_block=block)

    def _delta(self, kind: str, field: str, words: str) -> Frame:
        self.size += len(words.encode())
        delta = {"type": kind, field: words}
        return frame("content_block_delta", index=self._index, delta=delta)

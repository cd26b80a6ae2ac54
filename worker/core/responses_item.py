"""One item of a response's output as it is said, in events that are still without a number."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from worker.core.json_only import JsonOnly
from worker.core.message import Block
from worker.core.responses_answer import item, kind_of, part, summary_part
from worker.core.responses_head import Head

Event = tuple[str, Block]


@dataclass(frozen=True, slots=True)
class _Form:
    """How a kind of item is said.

    `field` of a delta holds its words; their events are called `words`, and the last of them
    repeats all under `whole`. What has a `part` tells of that before and after, with `index`.
    """

    field: str
    words: str
    whole: str
    part: str
    index: str
    make: Callable[[str], Block]


_FORMS: Final = {
    "msg": _Form(
        "text", "response.output_text", "text", "response.content_part", "content_index", part
    ),
    "fc": _Form("partial_json", "response.function_call_arguments", "arguments", "", "", part),
    "rs": _Form(
        "thinking",
        "response.reasoning_summary_text",
        "text",
        "response.reasoning_summary_part",
        "summary_index",
        summary_part,
    ),
}


class OpenItem:
    """A block that is being said. `index` is its place in the output, `block` in the message."""

    def __init__(self, head: Head, index: int, block: int, kind: str) -> None:
        self.block = block
        self.done: Block = {}
        self._head = head
        self._index = index
        self._kind = kind
        self._form = _FORMS[kind]
        self._place: Block = {"item_id": head.item_id(kind, index), "output_index": index}
        self._indexes: Block = {self._form.index: 0} if self._form.index else {}
        self._logprobs: Block = {"logprobs": []} if kind == "msg" else {}
        self._json = JsonOnly() if head.json and kind == "msg" else None
        self._words: list[str] = []

    def begin(self, block: Block) -> Iterator[Event]:
        """Say that it begins, and what of it was there at once."""
        begun = item(self._head, self._index, block, "in_progress")
        yield "response.output_item.added", {"output_index": self._index, "item": begun}
        if given := block.get("input"):
            yield from self._say(msgspec.json.encode(given).decode())
        yield from self.add(block)

    def add(self, delta: Block) -> Iterator[Event]:
        """Say what a delta adds."""
        words = delta.get(self._form.field)
        if words and (self._kind != "rs" or self._head.summary):
            yield from self._say(self._json.feed(str(words)) if self._json else str(words))

    def end(self, block: Block, status: str) -> Iterator[Event]:
        """Say that it is done; `block` is all of it, and `done` then what it came to."""
        yield from self._say(self._json.rest() if self._json else "")
        if not self._words:
            yield from self._silent()
        words = "".join(self._words)
        if words or self._kind == "msg":
            yield from self._whole(words)
        self.done = item(self._head, self._index, block, status)
        if self._kind == "fc":
            self.done["arguments"] = words
        yield "response.output_item.done", {"output_index": self._index, "item": self.done}

    def _silent(self) -> Iterator[Event]:
        """A message without words still has its part, and a call its arguments."""
        if self._kind == "msg":
            yield self._part("added", "")
        if self._kind == "fc":
            yield from self._say("{}")

    def _say(self, words: str) -> Iterator[Event]:
        if not words:
            return
        if not self._words and self._form.part:
            yield self._part("added", "")
        self._words.append(words)
        delta = {**self._place, **self._indexes, **self._logprobs, "delta": words}
        yield f"{self._form.words}.delta", delta

    def _whole(self, words: str) -> Iterator[Event]:
        told = {**self._place, **self._indexes, **self._logprobs, self._form.whole: words}
        yield f"{self._form.words}.done", told
        if self._form.part:
            yield self._part("done", words)

    def _part(self, what: str, words: str) -> Event:
        told = {**self._place, **self._indexes, "part": self._form.make(words)}
        return f"{self._form.part}.{what}", told


def open_item(head: Head, index: int, block: int, content: Block) -> OpenItem | None:
    """The item that a block becomes; None for what is nothing in this dialect."""
    kind = kind_of(content)
    return OpenItem(head, index, block, kind) if kind else None

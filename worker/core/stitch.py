"""The messages of a turn's steps as one message: one start, one end, indexes without a gap.

The tool steps of the CLI's own are left out. Who asks for them gets them as `mcp_tool_use` and
`mcp_tool_result` blocks: what the Messages API calls tools that ran on the server under names of
any kind, so that the SDKs' types can say them and no client takes them for calls of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from worker.core.message import Block, MessageEvent, decode_event
from worker.core.records import Ran, Result
from worker.core.tools import Toolbox

_BUILT_IN: Final = "claude-code"
"""The server that the CLI's built-in tools are said to be of."""
MAX_TURNS: Final = "max_turns"


class Stitch:
    """Takes the stream events of every step and gives those of the one message.

    The end of a message is kept back until it shows whether another step follows. `working` is
    set once the CLI has begun to run tools of its own.
    """

    def __init__(self, tools: Toolbox, *, include: bool) -> None:
        self.working = False
        self._tools = tools
        self._include = include
        self._places: dict[int, int | None] = {}
        self._next = 0
        self._start: Block = {}
        self._end: MessageEvent | None = None
        self._calls_client = False
        self._usage: Block = {}
        self._ran: list[Block] = []

    def take(self, data: bytes) -> Iterator[bytes]:
        """The events that this one becomes."""
        event = decode_event(data)
        match event.type:
            case "message_start":
                yield from self._step(event, data)
            case "content_block_start":
                yield from self._block(event, data)
            case "content_block_delta" | "content_block_stop":
                yield from self._moved(event, data)
            case "message_delta":
                self._end = event
            case "message_stop" if self.stop_reason is not None:
                pass
            case _:
                yield data

    def ran(self, record: Ran) -> None:
        """Note what the CLI's own tools gave; it is told between two messages."""
        if self._include:
            self._ran += [
                _told(block) for block in record.blocks() if block.get("type") == "tool_result"
            ]

    @property
    def stop_reason(self) -> object:
        """Why the last message ended; None while it has not."""
        return self._end.delta.get("stop_reason") if self._end else None

    @property
    def owes(self) -> bool:
        """Whether the last message calls tools of the CLI's own: another is to follow."""
        return self.stop_reason == "tool_use" and not self._calls_client

    def finish(self, result: Result | None) -> Iterator[bytes]:
        """The end of the one message, with the usage of all; `result` knows of hidden calls too."""
        if self._end is None or self.stop_reason is None:
            return
        yield from self._results()
        self._add_usage(self._end)
        delta = self._end.delta
        if self.owes:
            spent = result is not None and result.terminal_reason == MAX_TURNS
            delta = delta | {"stop_reason": "pause_turn" if spent else "end_turn"}
        usage = self._usage | (charged(result) if result else {})
        yield _encoded({"type": "message_delta", "delta": delta, "usage": usage})
        yield _encoded({"type": "message_stop"})

    def _step(self, event: MessageEvent, data: bytes) -> Iterator[bytes]:
        follows = self.stop_reason is not None
        if self._end is not None:
            self._add_usage(self._end)
            yield from self._results()
        usage = event.message.get("usage")
        self._start = dict(usage) if isinstance(usage, dict) else {}
        self._end, self._places, self._calls_client = None, {}, False
        if not follows:
            yield data

    def _block(self, event: MessageEvent, data: bytes) -> Iterator[bytes]:
        block = event.content_block
        own = block.get("type") == "tool_use" and not self._is_clients(block)
        self.working |= own
        self._calls_client |= block.get("type") == "tool_use" and not own
        if own and not self._include:
            self._places[event.index] = None
            return
        self._places[event.index] = self._next
        self._next += 1
        if own:
            yield _started(self._places[event.index], _call(block))
        else:
            yield from self._moved(event, data)

    def _moved(self, event: MessageEvent, data: bytes) -> Iterator[bytes]:
        place = self._places.get(event.index)
        if place is None:
            return
        yield data if place == event.index else _encoded(_fields(data) | {"index": place})

    def _is_clients(self, block: Block) -> bool:
        return self._tools.client_name(str(block.get("name"))) is not None

    def _results(self) -> Iterator[bytes]:
        for block in self._ran:
            yield _started(self._next, block)
            yield _encoded({"type": "content_block_stop", "index": self._next})
            self._next += 1
        self._ran = []

    def _add_usage(self, end: MessageEvent) -> None:
        told = {name: value for name, value in end.usage.items() if value is not None}
        self._usage = added(self._usage, self._start | told)


def added(one: Mapping[str, object], other: Mapping[str, object]) -> Block:
    """The sum of two usages, however deep; of what is no number the later one stands."""
    total = dict(one)
    for name, value in other.items():
        known = total.get(name)
        if isinstance(known, int) and isinstance(value, int):
            total[name] = known + value
        elif isinstance(known, Mapping) and isinstance(value, Mapping):
            total[name] = added(known, value)
        elif value is not None:
            total[name] = value
    return total


def charged(result: Result) -> Block:
    """The tokens of every call that a turn made, those of the CLI's helpers too."""
    used = list(result.model_usage_since_last_result.values())
    if not used:
        return {}
    return {
        "input_tokens": sum(model.input_tokens for model in used),
        "output_tokens": sum(model.output_tokens for model in used),
        "cache_read_input_tokens": sum(model.cache_read_input_tokens for model in used),
        "cache_creation_input_tokens": sum(model.cache_creation_input_tokens for model in used),
    }


def _call(block: Block) -> Block:
    name = str(block.get("name"))
    _, _, rest = name.partition("mcp__")
    server, _, tool = rest.partition("__")
    named = (server, tool) if tool else (_BUILT_IN, name)
    return block | {"type": "mcp_tool_use", "server_name": named[0], "name": named[1]}


def _told(block: Block) -> Block:
    content = block.get("content", "")
    texts: Sequence[object] = content if isinstance(content, list) else ()
    kept = [item for item in texts if isinstance(item, dict) and item.get("type") == "text"]
    return {
        "type": "mcp_tool_result",
        "tool_use_id": block.get("tool_use_id"),
        "is_error": bool(block.get("is_error")),
        "content": content if isinstance(content, str) else kept,
    }


def _started(index: int | None, block: Block) -> bytes:
    return _encoded({"type": "content_block_start", "index": index, "content_block": block})


def _fields(data: bytes) -> Block:
    found: Block = msgspec.json.decode(data)
    return found


def _encoded(event: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(event)

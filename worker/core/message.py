"""One message out of the events of its stream."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

Block = dict[str, object]

_TEXT_OF_DELTA = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("partial_json", "input"),
}


class MessageEvent(msgspec.Struct):
    """One event, of any type; what it has not is empty."""

    type: str
    index: int = 0
    message: Block = {}
    content_block: Block = {}
    delta: Block = {}
    usage: Block = {}


_decoder = msgspec.json.Decoder(MessageEvent)


def decode_event(payload: bytes) -> MessageEvent:
    """Read the JSON of an event."""
    return _decoder.decode(payload)


class MessageBuilder:
    """Takes the events of one message, in order."""

    def __init__(self) -> None:
        self._message: Block = {}
        self._usage: Block = {}
        self._blocks: dict[int, Block] = {}
        self._parts: defaultdict[tuple[int, str], list[str]] = defaultdict(list)

    def add(self, payload: bytes) -> None:
        """Take the JSON of one event."""
        event = decode_event(payload)
        match event.type:
            case "message_start":
                self._message = event.message
                usage = event.message.get("usage")
                self._usage = dict(usage) if isinstance(usage, dict) else {}
            case "content_block_start":
                self._blocks[event.index] = event.content_block
            case "content_block_delta":
                self._extend(event.index, event.delta)
            case "message_delta":
                self._message |= event.delta
                self._usage |= {name: n for name, n in event.usage.items() if n is not None}

    def content(self) -> list[Block]:
        """The blocks as far as they have come."""
        return [self.block(index) for index in sorted(self._blocks)]

    def message(self) -> Block:
        """The whole message, as an answer that was not streamed."""
        return {**self._message, "content": self.content(), "usage": self._usage}

    def _extend(self, index: int, delta: Block) -> None:
        if delta.get("type") == "citations_delta":
            cited = self._blocks[index].get("citations")
            known = cited if isinstance(cited, list) else []
            self._blocks[index]["citations"] = [*known, delta.get("citation")]
            return
        source, target = _TEXT_OF_DELTA.get(str(delta.get("type")), ("", ""))
        part = delta.get(source)
        if isinstance(part, str):
            self._parts[index, target].append(part)

    def block(self, index: int) -> Block:
        """One block as far as it has come."""
        block = dict(self._blocks[index])
        for field in ("text", "thinking", "signature"):
            if parts := self._parts.get((index, field)):
                block[field] = str(block.get(field) or "") + "".join(parts)
        if parts := self._parts.get((index, "input")):
            block["input"] = _input("".join(parts))
        return block


def assemble(payloads: Iterable[bytes]) -> bytes:
    """The JSON answer that says what a stream of these events says."""
    builder = MessageBuilder()
    for payload in payloads:
        builder.add(payload)
    return msgspec.json.encode(builder.message())


def _input(text: str) -> object:
    """A tool's input; what was cut off in the middle of its JSON has none."""
    try:
        found: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return found

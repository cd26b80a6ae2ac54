"""A Messages API request as the simulator reads it: what it needs, strictly; the rest, ignored."""

import base64
import hashlib
from collections.abc import Iterator
from itertools import takewhile
from typing import Literal

import msgspec

from simulator.errors import ApiError, bad_request

_REMINDER = "<system-reminder>"


class Source(msgspec.Struct, omit_defaults=True):
    type: str = ""
    media_type: str = ""
    data: str = ""
    url: str = ""


class Block(msgspec.Struct, omit_defaults=True):
    """Any content block. `cache_control` and unknown fields are left behind in reading."""

    type: str
    text: str = ""
    source: Source | None = None
    id: str = ""
    name: str = ""
    input: dict[str, object] | None = None
    tool_use_id: str = ""
    content: "str | list[Block] | dict[str, object]" = ""
    thinking: str = ""
    signature: str = ""

    def texts(self) -> str:
        """The text of the block, or of the tool result in it."""
        if isinstance(self.content, list):
            return "".join(inner.texts() for inner in self.content)
        return self.text or (self.content if isinstance(self.content, str) else "")


class Message(msgspec.Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]

    def blocks(self) -> list[Block]:
        """The content as blocks, however it was written."""
        if isinstance(self.content, list):
            return self.content
        return [Block("text", text=self.content)]

    def text(self) -> str:
        """What the person wrote: text blocks, without what a program put beside them."""
        texts = (block.text for block in self.blocks() if block.type == "text")
        return "\n".join(text for text in texts if not text.lstrip().startswith(_REMINDER))


class Tool(msgspec.Struct, omit_defaults=True):
    name: str
    description: str = ""
    input_schema: dict[str, object] = {}


class Choice(msgspec.Struct):
    type: str = "auto"
    name: str = ""


class Request(msgspec.Struct):
    model: str
    messages: list[Message]
    max_tokens: int | None = None
    system: str | list[Block] = ""
    stream: bool = False
    stop_sequences: list[str] = []
    thinking: Choice | None = None
    tools: list[Tool] = []
    tool_choice: Choice | None = None

    def last_user(self) -> Message:
        """The turn to answer. A `system` message may stand behind it."""
        return next(message for message in reversed(self.messages) if message.role == "user")

    def directions(self) -> tuple[str, int]:
        """The last words of the user, and how many rounds of tools have answered them since."""
        said = [message for message in self.messages if message.role == "user"]
        results = [*takewhile(lambda message: not message.text(), reversed(said))]
        if len(results) == len(said):
            return "", 0
        return said[-1 - len(results)].text(), len(results)

    def segments(self) -> Iterator[bytes]:
        """The prompt in canonical pieces, in the order in which a provider caches it."""
        yield msgspec.json.encode((self.model, self.tools, self.system))
        for message in self.messages:
            yield msgspec.json.encode((message.role, message.blocks()))


def read_request(raw: bytes, *, counting: bool = False) -> Request:
    """Parse and check a request. `counting`: for count_tokens, which needs no max_tokens."""
    try:
        request = msgspec.json.decode(raw, type=Request)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise bad_request(str(exc) or "the request is nested too deep") from exc
    if not any(message.role == "user" for message in request.messages):
        raise bad_request("messages: at least one user message is required")
    if not counting and (request.max_tokens is None or request.max_tokens < 1):
        raise bad_request("max_tokens: Field required, greater than or equal to 1")
    if not request.model.startswith(("claude-", "sim-")):
        raise ApiError(404, "not_found_error", f"model: {request.model}")
    _check_history(request.messages)
    return request


def sign(thinking: str) -> str:
    """The signature that a thinking block carries and has to bring back."""
    return base64.b64encode(hashlib.sha256(b"signed:" + thinking.encode()).digest()).decode()


def _check_history(messages: list[Message]) -> None:
    called: set[str] = set()
    for number, message in enumerate(messages):
        for block in message.blocks():
            if block.type == "tool_use":
                called.add(block.id)
            if block.type == "tool_result" and block.tool_use_id not in called:
                raise bad_request(f"messages.{number}: unexpected `tool_use_id` in `tool_result`")
            if block.type == "thinking" and block.signature != sign(block.thinking):
                raise bad_request(f"messages.{number}: Invalid `signature` in `thinking` block")

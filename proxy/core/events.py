"""What one server-sent event means for its stream, by dialect."""

import re
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from proxy.core.dialect import Dialect
from proxy.core.usage import Tokens

S = TypeVar("S")

DONE: Final = b"[DONE]"
USAGE: Final = re.compile(rb'"usage":(\{(?:[^{}]|\{[^{}]*\})*\})')
USAGE_WITHIN: Final = 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """`content` is what a client may be shown; `terminal` the proper end of a stream."""

    content: bool = False
    terminal: bool = False
    failure: bool = False
    tokens: Tokens | None = None


NOTHING: Final = Finding()
CONTENT: Final = Finding(content=True)
FAILURE: Final = Finding(failure=True)


def meaning(dialect: Dialect, name: bytes, data: bytes) -> Finding:
    """Read one event; `name` is empty where the stream names none. Data may be cut short."""
    match dialect:
        case Dialect.MESSAGES:
            return _of_messages(name or _type_in(data), data)
        case Dialect.CHAT:
            return _of_chat(name, data)
        case Dialect.RESPONSES:
            return _of_responses(name or _type_in(data), data)


class _Nested(msgspec.Struct):
    usage: Tokens | None = None


class _Event(msgspec.Struct):
    usage: Tokens | None = None
    message: _Nested | None = None
    response: _Nested | None = None


def _of_messages(name: bytes, data: bytes) -> Finding:
    match name:
        case b"content_block_start" | b"content_block_delta":
            return CONTENT
        case b"message_start":
            event = _decoded(data, _event)
            return Finding(tokens=event.message.usage if event and event.message else None)
        case b"message_delta":
            event = _decoded(data, _event)
            return Finding(content=True, tokens=event.usage if event else None)
        case b"message_stop":
            return Finding(content=True, terminal=True)
        case b"error":
            return FAILURE
    return NOTHING


def _of_responses(name: bytes, data: bytes) -> Finding:
    if name.startswith(b"response.output_"):
        return CONTENT
    match name:
        case b"response.completed" | b"response.incomplete" | b"response.failed":
            return Finding(content=True, terminal=True, tokens=_tokens_of_response(data))
        case b"error":
            return FAILURE
    return NOTHING


def _tokens_of_response(data: bytes) -> Tokens | None:
    """The last event repeats the whole answer; of a long one the beginning has to do.

    A worker of ours tells the usage there, before any word of a client or a model.
    """
    event = _decoded(data, _event)
    if event is not None:
        return event.response.usage if event.response else None
    found = USAGE.search(data, 0, USAGE_WITHIN)
    return _decoded(found[1], _tokens) if found else None


class _Delta(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw()
    refusal: msgspec.Raw = msgspec.Raw()
    reasoning: msgspec.Raw = msgspec.Raw()
    reasoning_content: msgspec.Raw = msgspec.Raw()
    tool_calls: msgspec.Raw = msgspec.Raw()
    function_call: msgspec.Raw = msgspec.Raw()


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    text: msgspec.Raw = msgspec.Raw()
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: Tokens | None = None
    error: msgspec.Raw = msgspec.Raw()


def _of_chat(name: bytes, data: bytes) -> Finding:
    if data.strip() == DONE:
        return Finding(terminal=True)
    if name == b"error":
        return FAILURE
    chunk = _decoded(data, _chunk)
    if chunk is None:
        return CONTENT if data.startswith(b"{") else NOTHING
    if _says_something(chunk.error):
        return FAILURE
    return Finding(content=any(map(_has_content, chunk.choices)), tokens=chunk.usage)


def _has_content(choice: _Choice) -> bool:
    if choice.finish_reason is not None or _says_something(choice.text):
        return True
    delta = choice.delta
    return delta is not None and any(
        _says_something(getattr(delta, field)) for field in _Delta.__struct_fields__
    )


def _says_something(value: msgspec.Raw) -> bool:
    return bytes(value) not in (b"", b"null", b'""', b"[]", b"{}")


class _Typed(msgspec.Struct):
    type: str = ""


_event = msgspec.json.Decoder(_Event)
_chunk = msgspec.json.Decoder(_Chunk)
_typed = msgspec.json.Decoder(_Typed)
_tokens = msgspec.json.Decoder(Tokens)


def _type_in(data: bytes) -> bytes:
    typed = _decoded(data, _typed)
    return typed.type.encode() if typed else b""


def _decoded(data: bytes, decoder: msgspec.json.Decoder[S]) -> S | None:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None

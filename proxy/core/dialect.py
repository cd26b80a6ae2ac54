"""The endpoints' dialects: which one a path speaks, and how each tells of an error."""

from enum import StrEnum
from typing import Final

import msgspec

PING: Final = b": ping\n\n"
"""Keeps a silent stream alive between two events; every client ignores it."""


class Dialect(StrEnum):
    """What an endpoint speaks."""

    MESSAGES = "messages"
    CHAT = "chat"
    RESPONSES = "responses"


def dialect_of(path: bytes) -> Dialect:
    """The dialect of an endpoint; paths that are nobody's speak the Messages API's."""
    if path.startswith((b"/v1/chat/", b"/v1/completions", b"/v1/embeddings")):
        return Dialect.CHAT
    if path.startswith((b"/v1/responses", b"/v1/conversations")):
        return Dialect.RESPONSES
    return Dialect.MESSAGES


def error_body(dialect: Dialect, kind: str, message: str, request_id: str) -> bytes:
    """A whole error answer's JSON."""
    if dialect is Dialect.MESSAGES:
        return _json({**_anthropic(kind, message), "request_id": request_id})
    return _json(_openai(kind, message))


def sse_error(dialect: Dialect, kind: str, message: str) -> bytes:
    """The last event of a stream that broke; the blank line before it closes half an event."""
    match dialect:
        case Dialect.MESSAGES:
            return b"\n\nevent: error\ndata: " + _json(_anthropic(kind, message)) + b"\n\n"
        case Dialect.CHAT:
            return b"\n\ndata: " + _json(_openai(kind, message)) + b"\n\n"
        case Dialect.RESPONSES:
            told = {"type": "error", "code": kind, "message": message, "param": None}
            raised = _openai(kind, message)
            return b"\n\nevent: error\ndata: " + _json({**told, **raised}) + b"\n\n"


def _anthropic(kind: str, message: str) -> dict[str, object]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def _openai(kind: str, message: str) -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _json(told: object) -> bytes:
    return msgspec.json.encode(told)

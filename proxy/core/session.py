"""Names a request's session, from a bounded look at its body."""

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec

from proxy.core.models import model_family
from proxy.errors import BadRequestError

LONGEST_ID: Final = 256
NAMING_HEADERS: Final = frozenset(
    {
        b"x-session-id",
        b"x-claude-code-session-id",
        b"x-openwebui-chat-id",
        b"x-claude-code-agent-id",
    }
)
"""What `session_key` and `agent_key` look for in the headers."""

EXCERPT: Final = 8_192
"""Bytes of a long opening's beginning, and of its end, that stand for the whole."""

MARK: Final = 8
"""Leading hex digits of every session key that name its client."""

ANSWER_ID: Final = re.compile(r"resp_([0-9a-f]{32})[0-9a-f]{16}")
INSTRUCTING: Final = frozenset({"system", "developer"})
OLD_USER_ID: Final = re.compile(r"user_[0-9a-f]+_account_[0-9a-f-]*_session_([0-9a-f-]{36})")


class Metadata(msgspec.Struct):
    """The one field of it that matters here."""

    user_id: str | None = None


class Peek(msgspec.Struct):
    """The few fields of a request body that routing needs; the conversation stays unread."""

    model: str | None = None
    stream: bool | None = None
    metadata: Metadata | None = None
    session_id: str | None = None
    conversation_id: str | None = None
    previous_response_id: str | None = None
    prompt_cache_key: str | None = None
    user: str | None = None
    system: msgspec.Raw = msgspec.Raw()
    instructions: msgspec.Raw = msgspec.Raw()
    messages: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    role: str = "user"
    content: msgspec.Raw = msgspec.Raw(b"null")


class _UserId(msgspec.Struct):
    session_id: str | None = None


_peek = msgspec.json.Decoder(Peek)
_messages = msgspec.json.Decoder(list[_Message])
_anything = msgspec.json.Decoder(object)
_user_id = msgspec.json.Decoder(_UserId)

_MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def peek(body: bytes) -> Peek:
    """Look at a request's body, or raise BadRequestError where it is no JSON object or absurd."""
    try:
        return _peek.decode(body)
    except msgspec.ValidationError as exc:
        raise BadRequestError(f"The request is not what it should be: {exc}.") from exc
    except RecursionError as exc:
        raise BadRequestError("The request body is nested too deeply.") from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadRequestError("The request body is not valid JSON.") from exc


def session_key(client: str, headers: Mapping[str, str], peek: Peek) -> str | None:
    """Name the session in 32 hex digits, apart from any other client's; None if there is none.

    The client's own id is hashed: it may be personal, and it becomes a key in the store. An answer
    that the request goes on from wins: only the account that gave it knows what was said.
    """
    if continued := _continued(client, peek.previous_response_id):
        return continued
    named = _id(headers, peek)
    if named is not None:
        return _digest(client, "id", _checked(named).encode())
    opening = _opening(peek)
    return None if opening is None else _digest(client, "opening", opening)


def agent_key(client: str, session: str, headers: Mapping[str, str]) -> str | None:
    """Name a subagent's part of a session as a session of its own; None if it is no subagent."""
    agent = headers.get("x-claude-code-agent-id")
    return _digest(client, "agent", f"{session}\0{_checked(agent)}".encode()) if agent else None


def is_session_of(client: str, key: str) -> bool:
    """Whether a key is of the form that this client's sessions have."""
    return key.startswith(_mark(client))


def _continued(client: str, answer: str | None) -> str | None:
    """The session in which an answer was given, where it is the client's own."""
    match = ANSWER_ID.fullmatch(answer or "")
    return match[1] if match and is_session_of(client, match[1]) else None


def _id(headers: Mapping[str, str], peek: Peek) -> str | None:
    """The first id that the request gives. An empty one names nothing."""
    return (
        headers.get("x-session-id")
        or headers.get("x-claude-code-session-id")
        or _session_of_user(peek.metadata)
        or peek.session_id
        or peek.conversation_id
        or headers.get("x-openwebui-chat-id")
        or peek.prompt_cache_key
        or peek.user
        or None
    )


def _session_of_user(metadata: Metadata | None) -> str | None:
    user_id = (metadata and metadata.user_id) or ""
    if user_id.startswith("{"):
        try:
            return _user_id.decode(user_id).session_id
        except _MALFORMED:
            return None
    match = OLD_USER_ID.fullmatch(user_id)
    return match and match[1]


def _checked(named: str) -> str:
    if len(named) > LONGEST_ID or not named.isprintable():
        raise BadRequestError(f"A session id takes 1 to {LONGEST_ID} printable characters.")
    return named


def _opening(peek: Peek) -> bytes | None:
    """What every turn of a conversation begins with: model family, instructions, first words."""
    try:
        return _canonical_opening(peek)
    except _MALFORMED as exc:
        raise BadRequestError("The conversation cannot be read.") from exc


def _canonical_opening(peek: Peek) -> bytes | None:
    instructions = [_plain(raw) for raw in (peek.system, peek.instructions) if bytes(raw)]
    for message in _conversation(peek):
        if message.role == "user":
            opening = [model_family(peek.model), *instructions, _plain(message.content)]
            return _excerpt(msgspec.json.encode(opening, order="sorted"))
        if message.role in INSTRUCTING:
            instructions.append(_plain(message.content))
    return None


def _conversation(peek: Peek) -> list[_Message]:
    if bytes(peek.messages):
        return _messages.decode(peek.messages)
    if bytes(peek.input).startswith(b'"'):
        return [_Message(content=peek.input)]
    return _messages.decode(peek.input) if bytes(peek.input) else []


def _plain(raw: msgspec.Raw) -> object:
    """The same value for a string as for one text block, however it is cached."""
    content = _anything.decode(raw)
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return _uncached(content)


def _uncached(value: object) -> object:
    if isinstance(value, dict):
        return {k: _uncached(v) for k, v in value.items() if k != "cache_control"}
    if isinstance(value, list):
        return [_uncached(item) for item in value]
    return value


def _excerpt(text: bytes) -> bytes:
    """Enough to tell openings apart: hashing all of a long one would cost more than sending it."""
    if len(text) <= 2 * EXCERPT:
        return text
    return b"%b%d%b" % (text[:EXCERPT], len(text), text[-EXCERPT:])


def _digest(client: str, source: str, value: bytes) -> str:
    named = f"{client}\0{source}\0".encode() + value
    return _mark(client) + blake2b(named, digest_size=12).hexdigest()


@lru_cache(maxsize=1024)
def _mark(client: str) -> str:
    return blake2b(client.encode(), digest_size=MARK // 2).hexdigest()

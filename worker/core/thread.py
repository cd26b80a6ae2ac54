"""The turns of one session, with all that they have in common kept only once.

A turn repeats the whole conversation before it. What was said is named by the digest of the
history that ends with it, so it is found again however a client writes it; as it was first said
is how it is kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from worker.core.history import Utterance, chain
from worker.core.message import Block
from worker.core.prompt import RawMessage, blocks_of
from worker.core.usage import Usage, usage_of

OVERHEAD: Final = 320
"""Bytes that an entry costs beside its text, roughly."""


class _Answer(RawMessage):
    stop_reason: str | None = None


_messages = msgspec.json.Decoder(RawMessage)
_answers = msgspec.json.Decoder(_Answer)
_anything = msgspec.json.Decoder(object)
_object = msgspec.json.Decoder(dict[str, object])


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn: a Messages API request and its answer as far as it came.

    `id` names the answer, `session` the conversation, `at` is when it ended (epoch seconds).
    """

    id: str
    session: str
    model: str
    at: float
    request: Mapping[str, object]
    message: Mapping[str, object]

    @property
    def usage(self) -> Usage:
        return usage_of(self.message)

    @property
    def complete(self) -> bool:
        """Whether the answer came to its end."""
        return self.message.get("stop_reason") is not None


@dataclass(frozen=True, slots=True)
class Said:
    """What one side said, when it was first heard; an answer with what else is known of it.

    `after` names what it follows on: a session whose client goes back and asks anew has branches.
    An answer that failed or was left is not `complete`.
    """

    id: str
    after: str | None
    at: float
    role: str
    content: Sequence[Block]
    answer: str | None = None
    model: str | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class _Kept:
    """`raw` is the JSON of a message, or of the whole answer that `turn` names."""

    after: bytes
    at: float
    raw: bytes
    turn: str | None = None


@dataclass(frozen=True, slots=True)
class _Turn:
    model: str
    at: float
    fields: Mapping[str, bytes]
    asked: bytes
    raw: bytes


def opening(client: str, messages: Sequence[object]) -> str:
    """Names a session that nobody named (32 hex digits): by its client and how it begins."""
    try:
        first = msgspec.convert(messages[0], RawMessage)
        said = Utterance(first.role, blocks_of(first.content))
        return chain(client.encode(), [said]).hex()
    except (msgspec.ValidationError, RecursionError):
        return chain(client.encode(), [Utterance("", ())]).hex()


class Thread:
    """One session's turns. `size` is about what they take in memory (bytes)."""

    def __init__(self) -> None:
        self.size = OVERHEAD
        self._said: dict[bytes, _Kept] = {}
        self._fields: dict[bytes, bytes] = {}
        self._turns: dict[str, _Turn] = {}

    @property
    def answers(self) -> Iterable[str]:
        """The ids of the answers kept, oldest first."""
        return self._turns

    def add(self, exchange: Exchange) -> None:
        """Keep a turn; raises `msgspec.MsgspecError` where a message is none."""
        raw = _json(exchange.message)
        answer = _messages.decode(raw)
        asked = b""
        for message in msgspec.convert(exchange.request.get("messages"), list[RawMessage]):
            asked = self._hear(asked, message, exchange.at)
        said = _Kept(asked, exchange.at, raw, exchange.id)
        self._said.setdefault(_after(asked, answer), said)
        fields = {
            name: self._once(_json(value))
            for name, value in exchange.request.items()
            if name != "messages"
        }
        self.size += OVERHEAD + len(raw)
        self._turns[exchange.id] = _Turn(exchange.model, exchange.at, fields, asked, raw)

    def exchange(self, session: str, answer: str) -> Exchange | None:
        """One turn as it was, or as good as it was."""
        turn = self._turns.get(answer)
        if turn is None:
            return None
        request = {name: _anything.decode(value) for name, value in turn.fields.items()}
        request["messages"] = [msgspec.to_builtins(said) for said in self._history(turn.asked)]
        message = _object.decode(turn.raw)
        return Exchange(answer, session, turn.model, turn.at, request, message)

    def said(self) -> Sequence[Said]:
        """Everything, in the order in which it was first said."""
        return [self._told(key, kept) for key, kept in self._said.items()]

    def _hear(self, known: bytes, message: RawMessage, at: float) -> bytes:
        key = _after(known, message)
        if key not in self._said:
            raw = _json(message)
            self._said[key] = _Kept(known, at, raw)
            self.size += OVERHEAD + len(raw)
        return key

    def _once(self, value: bytes) -> bytes:
        if value not in self._fields:
            self.size += OVERHEAD + len(value)
        return self._fields.setdefault(value, value)

    def _history(self, last: bytes) -> Sequence[RawMessage]:
        found = []
        while last:
            kept = self._said[last]
            found.append(_messages.decode(kept.raw))
            last = kept.after
        return found[::-1]

    def _told(self, key: bytes, kept: _Kept) -> Said:
        said = _answers.decode(kept.raw)
        turn = self._turns[kept.turn] if kept.turn else None
        return Said(
            id=key.hex(),
            after=kept.after.hex() or None,
            at=kept.at,
            role=said.role,
            content=blocks_of(said.content),
            answer=kept.turn,
            model=turn.model if turn else None,
            complete=turn is None or said.stop_reason is not None,
        )


def _after(known: bytes, message: RawMessage) -> bytes:
    """Names the history that ends with this."""
    return chain(known, [Utterance(message.role, blocks_of(message.content))])


def _json(value: object) -> bytes:
    """A copy: what the encoder returns may take half as much again as it is long."""
    return bytes(memoryview(msgspec.json.encode(value)))

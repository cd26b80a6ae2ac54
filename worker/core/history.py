"""Conversations: what identifies one, and how a request's messages become its turns.

A live process answers a request if it remembers all but the request's last user turn. What it
remembers is named by a digest of its turns that is blind to what means nothing: `cache_control`,
the order of keys, string or block content, thinking, white space at the end of an answer.

A `system` message in mid-conversation cannot be sent to the CLI as such. It goes into the user
turn before it, else into the next one, as a text block in `<system-reminder>` tags, which is how
Claude Code itself tells such things to models that know no such role.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import msgspec

from worker.core.message import Block
from worker.core.prompt import Prompt, RawMessage, blocks_of
from worker.core.tools import cli_name
from worker.errors import BadRequestError

_MARKS: Final = ("cache_control", "citations")
_UNSAID: Final = ("thinking", "redacted_thinking", "mcp_tool_use", "mcp_tool_result")
"""Blocks that are no part of a conversation: thoughts, and the steps of the CLI's own."""
_EMPTY: Final = "(no content)"


@dataclass(frozen=True, slots=True)
class Utterance:
    """All that one side said before the other spoke again."""

    role: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A request as the CLI has to see it: what it should remember, and what is new.

    `memory` names the history that a process must have to be asked `last`, `asked` the one that
    it has then.
    """

    memory: bytes
    past: Sequence[Utterance]
    last: Utterance
    asked: bytes

    def continued(self, answer: Sequence[Block]) -> bytes:
        """Names the history that a process has once it gave this answer."""
        return chain(self.asked, [Utterance("assistant", answer)])


def conversation_of(client: str, prompt: Prompt, place: str = "") -> Conversation:
    """Split a request; raises `BadRequestError` where the CLI has no way to be asked it.

    No two clients share a history, nor do two places (workspaces) of one client.
    """
    turns = turns_of(prompt.messages)
    if not turns or turns[0].role != "user":
        raise BadRequestError("messages: the first message must use the user role")
    if turns[-1].role != "user":
        raise BadRequestError("messages: the last message must use the user role")
    fixed = (client, place, prompt.model, prompt.system_texts(), prompt.toolbox().listing())
    *past, last = turns
    try:
        memory = chain(_digest(b"", fixed), past)
        return Conversation(memory, past, last, chain(memory, [last]))
    except RecursionError as exc:
        raise BadRequestError("messages: nested too deeply") from exc


def turns_of(messages: Iterable[RawMessage]) -> list[Utterance]:
    """Join what one side said in a row, and fold system messages into user turns."""
    turns: list[tuple[str, list[Block]]] = []
    reminders: list[Block] = []
    for message in messages:
        said = blocks_of(message.content)
        if message.role == "system":
            said = [_reminder(block) for block in said]
            (turns[-1][1] if turns and turns[-1][0] == "user" else reminders).extend(said)
            continue
        if message.role not in ("user", "assistant"):
            raise BadRequestError(f"messages: unknown role {message.role!r}")
        if not turns or turns[-1][0] != message.role:
            turns.append((message.role, []))
        if message.role == "user" and reminders:
            said, reminders = _after_results(said, reminders), []
        turns[-1][1].extend(said)
    if reminders:
        turns.append(("user", reminders))
    return [Utterance(role, blocks) for role, blocks in turns]


def chain(known: bytes, turns: Iterable[Utterance]) -> bytes:
    """Extend the digest of a history by more turns."""
    for turn in turns:
        known = _digest(known, (turn.role, _essence(turn)))
    return known


def cli_blocks(turn: Utterance) -> list[Block]:
    """A turn's content as the CLI takes it."""
    found = [_for_cli(block) for block in turn.blocks if block.get("type") not in _UNSAID]
    return found or [{"type": "text", "text": _EMPTY}]


def _reminder(block: Block) -> Block:
    text = f"<system-reminder>\n{block.get('text', '')}\n</system-reminder>"
    return {"type": "text", "text": text}


def _after_results(said: list[Block], reminders: list[Block]) -> list[Block]:
    """The provider wants the results of tools first in a turn."""
    results = [block for block in said if block.get("type") == "tool_result"]
    others = [block for block in said if block.get("type") != "tool_result"]
    return [*results, *reminders, *others]


def _for_cli(block: Block) -> Block:
    plain = {key: value for key, value in block.items() if key not in _MARKS}
    if block.get("type") == "tool_use":
        plain["name"] = cli_name(str(block.get("name")))
    if block.get("type") == "tool_reference":
        return {"type": "text", "text": f"The tool {block.get('tool_name')} is at hand."}
    if isinstance(inner := block.get("content"), list):
        plain["content"] = [_for_cli(item) if isinstance(item, dict) else item for item in inner]
    return plain


def _essence(turn: Utterance) -> list[object]:
    """What a turn means: adjacent texts as one, without marks and thinking."""
    found: list[object] = []
    texts: list[str] = []
    for block in turn.blocks:
        if block.get("type") == "text":
            texts.append(str(block.get("text")))
        elif block.get("type") not in _UNSAID:
            found += [*_joined(texts, turn.role), _without_marks(block)]
            texts = []
    return [*found, *_joined(texts, turn.role)]


def _joined(texts: Sequence[str], role: str) -> list[object]:
    text = "".join(texts)
    text = text.strip() if role == "assistant" else text
    return [text] if text else []


def _without_marks(value: object) -> object:
    match value:
        case Mapping():
            return {k: _meaning(k, v) for k, v in value.items() if k not in _MARKS}
        case list():
            return [_without_marks(item) for item in value]
        case _:
            return value


def _meaning(key: object, value: object) -> object:
    """A tool's input is the client's own: nothing in it is a mark or content."""
    if key == "input":
        return value
    if key == "content" and isinstance(value, str):
        return [{"type": "text", "text": value}]
    return _without_marks(value)


def _digest(known: bytes, value: object) -> bytes:
    encoded = msgspec.json.encode(value, order="sorted")
    return blake2b(known + encoded, digest_size=16).digest()

"""What workers tell of a client's sessions, put together."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar
from urllib.parse import parse_qs

import msgspec

from proxy.errors import BadRequestError

USUAL: Final = 20
LONGEST: Final = 1000
_NUMBER: Final = re.compile(r"[0-9]{1,4}")


class Session(msgspec.Struct):
    """One session; fields we do not know are passed over. Instants are epoch seconds."""

    id: str
    created_at: float
    last_used_at: float
    account: str | None = None
    models: list[str] = []
    turns: int = 0
    usage: dict[str, int] = {}
    live: bool = False
    object: str = "session"


class Conversation(msgspec.Struct):
    """The same in OpenAI's shape."""

    id: str
    created_at: int
    object: str = "conversation"
    metadata: dict[str, str] = {}


class Deleted(msgspec.Struct):
    """That a session is forgotten."""

    id: str
    object: str
    deleted: bool


class Told(msgspec.Struct):
    """A worker's page of sessions."""

    data: list[Session]
    has_more: bool = False


Entry = TypeVar("Entry", Session, Conversation)


def merged(told: Iterable[Session]) -> list[Session]:
    """Each session once, however many accounts it has been on; the last used first.

    It counts with the account that had it last.
    """
    found: dict[str, Session] = {}
    for session in sorted(told, key=lambda each: each.last_used_at, reverse=True):
        known = found.get(session.id)
        found[session.id] = session if known is None else _joined(known, session)
    return list(found.values())


def conversation(session: Session) -> Conversation:
    """A session as a conversation."""
    return Conversation(session.id, int(session.created_at))


def page(entries: Sequence[Entry], query: bytes, *, partial: bool) -> dict[str, object]:
    """The part that `limit` and `after` (an entry's id) ask for; `partial` if some are missing."""
    asked = parse_qs(query.decode("latin-1"))
    first = _first(entries, asked.get("after", [None])[-1])
    shown = entries[first : first + _limit(asked.get("limit", [str(USUAL)])[-1])]
    told: dict[str, object] = {
        "object": "list",
        "data": shown,
        "has_more": first + len(shown) < len(entries),
        "first_id": shown[0].id if shown else None,
        "last_id": shown[-1].id if shown else None,
    }
    return marked(told, partial=partial)


def marked(told: object, *, partial: bool) -> dict[str, object]:
    """The same, saying so if a worker is missing that might have had a part in it."""
    fields: dict[str, object] = msgspec.to_builtins(told)
    return fields | ({"partial": True} if partial else {})


def _joined(last: Session, before: Session) -> Session:
    kinds = {*last.usage, *before.usage}
    return Session(
        id=last.id,
        account=last.account,
        created_at=min(last.created_at, before.created_at),
        last_used_at=last.last_used_at,
        models=list(dict.fromkeys([*before.models, *last.models])),
        turns=last.turns + before.turns,
        usage={kind: last.usage.get(kind, 0) + before.usage.get(kind, 0) for kind in kinds},
        live=last.live or before.live,
    )


def _first(entries: Sequence[Entry], after: str | None) -> int:
    if after is None:
        return 0
    for number, entry in enumerate(entries, 1):
        if entry.id == after:
            return number
    raise BadRequestError("after: there is no such entry.")


def _limit(wish: str) -> int:
    if not (_NUMBER.fullmatch(wish) and 1 <= int(wish) <= LONGEST):
        raise BadRequestError(f"limit: must be 1 to {LONGEST}.")
    return int(wish)

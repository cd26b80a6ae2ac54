"""Lists, a page at a time."""

import re
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from worker.core.message import Block
from worker.errors import BadRequestError

_USUAL: Final = 20
_LONGEST: Final = 1000
_NUMBER: Final = re.compile(r"[0-9]{1,4}")


def page_of(request: web.Request, entries: Sequence[Block]) -> Block:
    """The part of the entries that `limit` and `after` (an entry's id) ask for."""
    ids = [entry["id"] for entry in entries]
    after = request.query.get("after")
    if after is not None and after not in ids:
        raise BadRequestError("after: there is no such entry")
    first = 0 if after is None else ids.index(after) + 1
    shown = entries[first : first + _limit(request)]
    return {
        "object": "list",
        "data": shown,
        "has_more": first + len(shown) < len(entries),
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }


def _limit(request: web.Request) -> int:
    wish = request.query.get("limit", str(_USUAL))
    if not (_NUMBER.fullmatch(wish) and 1 <= int(wish) <= _LONGEST):
        raise BadRequestError(f"limit: must be 1 to {_LONGEST}")
    return int(wish)

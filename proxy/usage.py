"""What operators are told of usage and cost, as JSON or CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import web

from proxy.bookkeeper import Bookkeeper
from proxy.core.bill import KEYS, Line, bill
from proxy.core.instants import DAY, date_of, day_of
from proxy.guard import HEADERS, answer
from proxy.store.away import StoreAwayError

SHOWN: Final = 30
"""Days that are told of where the question names none."""

LONGEST: Final = 366
"""Days that one question may span."""

_PARAMETERS: Final = frozenset({"from", "to", "by", "format"})


class Question(msgspec.Struct, frozen=True):
    """Which days, summed up by what, and whether as CSV."""

    first: int
    last: int
    by: Sequence[str]
    table: bool

    @classmethod
    def of(cls, query: Mapping[str, str], today: int) -> "Question":
        """Read the query of a URL. Raises ValueError."""
        if unknown := set(query) - _PARAMETERS:
            raise ValueError(f"unknown parameter {min(unknown)}; there are {sorted(_PARAMETERS)}")
        last = _day(query, "to", today)
        first = _day(query, "from", last - SHOWN + 1)
        if not 0 <= last - first < LONGEST:
            raise ValueError(f"`from` should be at most `to`, and {LONGEST} days before at most")
        by = query.get("by", ",".join(KEYS)).split(",")
        if not set(by) <= set(KEYS):
            raise ValueError(f"`by` takes some of {','.join(KEYS)}")
        return cls(first, last, by, _is_table(query))


@dataclass(frozen=True, slots=True)
class UsageReports:
    """Answers `GET /admin/api/usage?from=&to=&by=client,model&format=csv`."""

    books: Bookkeeper

    def routes(self) -> list[web.RouteDef]:
        """Where it is found; the admin port's guard stands before it."""
        return [web.get("/admin/api/usage", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            asked = Question.of(request.query, int(self.books.clock() // DAY))
        except ValueError as error:
            return answer({"error": str(error)}, 400)
        try:
            entries = await self.books.ledger.usage(asked.first, asked.last)
        except StoreAwayError:
            return answer({"error": "the shared store is away; try again"}, 503)
        lines = bill(entries, asked.by, self.books.prices)
        if asked.table:
            return _csv(asked.by, lines)
        total = bill(entries, (), self.books.prices) or [Line({})]
        told = {
            "from": date_of(asked.first),
            "to": date_of(asked.last),
            "by": asked.by,
            "rows": [line.flat() for line in lines],
            "total": total[0].flat(),
        }
        return answer(told)


def _day(query: Mapping[str, str], name: str, default: int) -> int:
    if name not in query:
        return default
    day = day_of(query[name])
    if day is None:
        raise ValueError(f"`{name}` should be a date (UTC) such as 2026-11-20")
    return day


def _is_table(query: Mapping[str, str]) -> bool:
    wanted = query.get("format", "json")
    if wanted not in {"json", "csv"}:
        raise ValueError("`format` is json or csv")
    return wanted == "csv"


def _csv(by: Sequence[str], lines: Sequence[Line]) -> web.Response:
    """A header line and one for each sum; a cost that is not known is empty."""
    out = io.StringIO()
    names = [*by, *list(Line({}).flat())]
    table = csv.DictWriter(out, names)
    table.writeheader()
    table.writerows(line.flat() for line in lines)
    return web.Response(text=out.getvalue(), content_type="text/csv", headers=HEADERS)

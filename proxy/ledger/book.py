"""Tokens by day, client, account and model family: summed up as they are spent."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from proxy.core.account import AccountName, ModelFamily
from proxy.core.bill import Entry
from proxy.core.usage import Spending, Usage


class Page(msgspec.Struct, frozen=True):
    """What is summed up together."""

    day: int
    client: str
    account: AccountName
    family: ModelFamily


class Book:
    """The last `days` days; None keeps all. `changes` counts what was written."""

    def __init__(self, days: int | None = None) -> None:
        self._days = days
        self._pages: dict[Page, tuple[int, Usage]] = {}
        self._tokens: Counter[tuple[int, str]] = Counter()
        self._newest = 0
        self.changes = 0

    def __bool__(self) -> bool:
        return bool(self._pages)

    def spend(self, day: int, spending: Spending) -> None:
        """Write down one answer."""
        page = Page(day, spending.client, spending.account, spending.family)
        self._add(page, 1, spending.usage)

    def add(self, entries: Iterable[Entry]) -> None:
        """Take over what another book has."""
        for entry in entries:
            page = Page(entry.day, entry.client, entry.account, entry.family)
            self._add(page, entry.requests, entry.usage)

    def tokens(self, day: int, client: str) -> int:
        """What counts for the client's budget of that day."""
        return self._tokens[day, client]

    def entries(self) -> list[Entry]:
        """All that is written."""
        return [
            Entry(page.day, page.client, page.account, page.family, requests, usage)
            for page, (requests, usage) in self._pages.items()
        ]

    def _add(self, page: Page, requests: int, usage: Usage) -> None:
        count, used = self._pages.get(page, (0, Usage()))
        self._pages[page] = count + requests, used.plus(usage)
        self._tokens[page.day, page.client] += usage.total
        self.changes += 1
        if page.day > self._newest:
            self._newest = page.day
            self._drop_old()

    def _drop_old(self) -> None:
        if self._days is None:
            return
        last = self._newest - self._days
        self._pages = {page: sums for page, sums in self._pages.items() if page.day > last}
        kept = {key: count for key, count in self._tokens.items() if key[0] > last}
        self._tokens = Counter(kept)

"""The ledger of a single process: exact, because nothing awaits between reading and writing."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from proxy.core.bill import Entry
from proxy.core.instants import DAY
from proxy.core.quota import (
    Admitted,
    Allowance,
    ClientLimits,
    Refused,
    Use,
    allowances,
    counted,
    reached,
    told,
)
from proxy.core.usage import Spending
from proxy.ledger.book import Book


@dataclass(slots=True)
class _Client:
    """Requests that run, and when the next would be due."""

    next_at: float = 0.0
    running: set[str] = field(default_factory=set)


class MemoryLedger:
    """`Ledger` on dicts. `book` is open to whoever saves and restores it."""

    def __init__(self, clock: Callable[[], float] = time.time, days: int = 90) -> None:
        self._clock = clock
        self._clients: defaultdict[str, _Client] = defaultdict(_Client)
        self.book = Book(days)

    async def admit(self, request: str, client: str, limits: ClientLimits) -> Admitted | Refused:
        now, use = self._clock(), self._use(client)
        if request in self._clients[client].running:
            return told(None, use, limits, now)
        limit = reached(use, limits, now)
        if limit is None:
            use = self.count(request, client, limits)
        return told(limit, use, limits, now)

    def count(self, request: str, client: str, limits: ClientLimits) -> Use:
        """Count a request that was admitted, here or elsewhere."""
        use = counted(self._use(client), limits, self._clock())
        self._clients[client].next_at = use.next_at
        self._clients[client].running.add(request)
        return use

    def release(self, request: str, client: str) -> None:
        self._clients[client].running.discard(request)

    def spend(self, spending: Spending) -> None:
        self.book.spend(self._today(), spending)

    async def standing(self, client: str, limits: ClientLimits) -> tuple[Allowance, ...]:
        return allowances(self._use(client), limits, self._clock())

    async def usage(self, first: int, last: int) -> Sequence[Entry]:
        return [entry for entry in self.book.entries() if first <= entry.day <= last]

    def _use(self, client: str) -> Use:
        known = self._clients[client]
        tokens = self.book.tokens(self._today(), client)
        return Use(known.next_at, len(known.running), tokens)

    def _today(self) -> int:
        return int(self._clock() // DAY)

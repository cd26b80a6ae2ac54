"""The ledger that replicas share: each operation is one step inside Redis."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Final, Never, Self

import msgspec
import structlog

from proxy.core.account import AccountName, ModelFamily
from proxy.core.bill import Entry
from proxy.core.instants import DAY
from proxy.core.quota import (
    HARDLY,
    Admitted,
    Allowance,
    ClientLimits,
    Limit,
    Refused,
    Use,
    allowances,
    told,
)
from proxy.core.usage import Spending, Usage
from proxy.ledger.book import Book
from proxy.store.away import StoreAwayError
from proxy.store.redis.batches import Batches

log = structlog.get_logger(__name__)

GATHERED: Final = 0.1
"""Seconds for which what is spent is gathered into one operation."""

RETRY: Final = 1.0
"""Seconds between tries while Redis is away."""

KINDS: Final = ("requests", "input", "output", "cache_read", "cache_write")


class Read(msgspec.Struct, array_like=True):
    """A client as it stands in Redis; `limit` is what forbids the request, if one was asked for."""

    now: float
    use: Use
    limit: Limit | None = None


_read: Final = msgspec.msgpack.Decoder(Read).decode
_fields: Final = msgspec.msgpack.Decoder(tuple[str, ...]).decode


class RedisLedger:
    """`Ledger` for all replicas. Entered for as long as it serves, inside its store.

    What is awaited raises StoreAwayError where Redis does not answer; what is spent meanwhile is
    kept until it does. Requests are counted for as long as leases are, and renewed as they are.
    """

    def __init__(
        self, operations: Batches, clock: Callable[[], float], days: int, renew_every: float
    ) -> None:
        self._operations = operations
        self._clock = clock
        self._days = days
        self._renew_every = renew_every
        self._running: dict[str, str] = {}
        self._unsent = Book()
        self._sending: Sequence[Entry] = ()
        self._number = 0
        self._spent = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            group = await stack.enter_async_context(asyncio.TaskGroup())
            for daemon in (self._renew_for_ever(), self._send_for_ever()):
                stack.callback(group.create_task(daemon).cancel)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        try:
            while self._sending or self._unsent:
                await self._send()
        except StoreAwayError as error:
            log.warning("usage lost", kind=error.kind, entries=len(self._sending))

    async def admit(self, request: str, client: str, limits: ClientLimits) -> Admitted | Refused:
        try:
            packed = await self._operations.ask("admit", request, client, _rules(limits))
        except (StoreAwayError, asyncio.CancelledError):
            self._operations.tell("release", request, client)
            raise
        read = _read(packed)
        if read.limit is None:
            self.keep(request, client)
        return told(read.limit, read.use, limits, read.now)

    def keep(self, request: str, client: str) -> None:
        """Count a request, wherever it was admitted, until it is released."""
        self._running[request] = client

    def release(self, request: str, client: str) -> None:
        self._running.pop(request, None)
        self._operations.tell("release", request, client)

    def spend(self, spending: Spending) -> None:
        self._unsent.spend(int(self._clock() // DAY), spending)
        self._spent.set()

    async def standing(self, client: str, limits: ClientLimits) -> tuple[Allowance, ...]:
        read = _read(await self._operations.ask("use", client))
        return allowances(read.use, limits, read.now)

    async def usage(self, first: int, last: int) -> Sequence[Entry]:
        found: list[Entry] = []
        for day in range(first, last + 1):
            found += _entries(day, _fields(await self._operations.ask("usage", day)))
        return found

    async def _renew_for_ever(self) -> Never:
        while True:
            await asyncio.sleep(self._renew_every)
            if self._running:
                with suppress(StoreAwayError):
                    await self._operations.ask("renew_requests", tuple(self._running.items()))

    async def _send_for_ever(self) -> Never:
        while True:
            await self._spent.wait()
            self._spent.clear()
            pause = GATHERED
            while self._sending or self._unsent:
                await asyncio.sleep(pause)
                try:
                    await self._send()
                    pause = GATHERED
                except StoreAwayError:
                    pause = RETRY

    async def _send(self) -> None:
        """Send what was spent. Repeated by its number, if need be: it counts once."""
        if not self._sending:
            self._sending, self._unsent = self._unsent.entries(), Book()
            self._number += 1
        sums = list(_sums(self._sending))
        await self._operations.ask("spend", self._number, sums, self._days)
        self._sending = ()


def _rules(limits: ClientLimits) -> dict[str, float]:
    """What the script goes by; a limit that is not there stays out."""
    rules = {"interval": limits.interval, "tolerance": limits.tolerance + HARDLY}
    if limits.concurrency is not None:
        rules["concurrency"] = limits.concurrency
    if limits.tokens_per_day is not None:
        rules["tokens"] = limits.tokens_per_day
    return rules


def _sums(entries: Iterable[Entry]) -> Iterator[tuple[int, str, int]]:
    """Each figure as a field of its day; a client's tokens are one more, by its name alone."""
    for entry in entries:
        usage = entry.usage
        figures = usage.input, usage.output, usage.cache_read, usage.cache_write
        for kind, figure in zip(KINDS, (entry.requests, *figures), strict=True):
            if figure:
                yield entry.day, f"{entry.client}/{entry.account}/{entry.family}/{kind}", figure
        yield entry.day, entry.client, usage.total


def _entries(day: int, fields: Sequence[str]) -> Iterator[Entry]:
    """Read a day's fields, each followed by its figure."""
    pages: dict[tuple[str, str, str], dict[str, int]] = {}
    for field, figure in zip(fields[::2], fields[1::2], strict=True):
        match field.split("/"):
            case [client, account, family, kind]:
                pages.setdefault((client, account, family), {})[kind] = int(figure)
    for (client, account, family), figures in pages.items():
        requests, *tokens = (figures.get(kind, 0) for kind in KINDS)
        usage = Usage(*tokens)
        yield Entry(day, client, AccountName(account), ModelFamily(family), requests, usage)

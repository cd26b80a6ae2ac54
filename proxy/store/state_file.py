"""Keeps over a restart what memory knows: cooldowns, learned limits, affinity, and usage.

Slots are not kept: no request outlives its process.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Annotated, Final, Self

import msgspec
import structlog
from msgspec import Meta

from proxy.core.account import AccountName, ModelFamily
from proxy.core.bill import Entry
from proxy.core.cooldown import Reason
from proxy.ledger import MemoryLedger
from proxy.store.affinity import Binding
from proxy.store.durable import replace_file
from proxy.store.gate import Gate, Rest
from proxy.store.memory import MemoryStore

log = structlog.get_logger(__name__)

VERSION: Final = 1


class Loaded(StrEnum):
    """What was found at the start; a broken file has been set aside."""

    FOUND = "found"
    MISSING = "missing"
    BROKEN = "broken"


class SavedRest(msgspec.Struct, array_like=True):
    """`until` None is no end at all: JSON has no infinity."""

    until: float | None
    reason: Reason
    ramp: Annotated[int, Meta(ge=0)]


class SavedGate(msgspec.Struct, omit_defaults=True):
    """What of an account's gate is worth keeping."""

    streak: Annotated[int, Meta(ge=0)] = 0
    learned: Annotated[int, Meta(ge=1)] | None = None
    rests: dict[ModelFamily, SavedRest] = {}


class Saved(msgspec.Struct):
    """The file."""

    version: int
    accounts: dict[AccountName, SavedGate]
    sessions: dict[str, Binding]
    usage: tuple[Entry, ...] = ()


class StateFile:
    """Loads on entering; saves every `interval` seconds what has changed, and on leaving."""

    def __init__(
        self,
        path: Path,
        store: MemoryStore,
        ledger: MemoryLedger,
        interval: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._store = store
        self._book = ledger.book
        self._interval = interval
        self._clock = clock
        self._leaving = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._saved: tuple[dict[AccountName, SavedGate], int, int] = ({}, 0, 0)

    async def __aenter__(self) -> Self:
        self.load()
        await self._tasks.__aenter__()
        self._tasks.create_task(self._save_at_intervals())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leaving.set()
        await self._tasks.__aexit__(None, None, None)

    def load(self) -> Loaded:
        """Take over what was saved. A file that cannot be read as such is set aside."""
        try:
            saved = msgspec.json.decode(self._path.read_bytes(), type=Saved)
        except FileNotFoundError:
            return Loaded.MISSING
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            return self._set_aside(str(error))
        if saved.version != VERSION:
            return self._set_aside(f"version {saved.version}")
        for name, gate in saved.accounts.items():
            self._store.gates[name] = _opened(gate)
        self._store.affinity.restore(saved.sessions, self._clock())
        self._book.add(saved.usage)
        return Loaded.FOUND

    async def save(self) -> None:
        """Write the file anew if there is news. What cannot be written is tried again later."""
        gates = {name: _closed(gate) for name, gate in self._store.gates.items()}
        worth = {name: gate for name, gate in gates.items() if gate != SavedGate()}
        news = worth, self._store.affinity.changes, self._book.changes
        if news == self._saved:
            return
        sessions = dict(self._store.affinity.entries())
        saved = Saved(VERSION, worth, sessions, tuple(self._book.entries()))
        try:
            await asyncio.to_thread(replace_file, self._path, msgspec.json.encode(saved))
        except OSError as error:
            log.warning("state not saved", path=str(self._path), error=str(error))
            return
        self._saved = news

    async def _save_at_intervals(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._leaving.wait()
            await self.save()
            if self._leaving.is_set():
                return

    def _set_aside(self, why: str) -> Loaded:
        aside = self._path.with_name(f"{self._path.name}.broken")
        log.warning("state set aside", path=str(aside), error=why)
        with suppress(OSError):
            self._path.replace(aside)
        return Loaded.BROKEN


def _closed(gate: Gate) -> SavedGate:
    rests = {f: SavedRest(r.until, r.reason, r.ramp) for f, r in gate.rests.items()}
    return SavedGate(gate.streak, gate.learned, rests)


def _opened(saved: SavedGate) -> Gate:
    rests = {
        family: Rest(inf if rest.until is None else rest.until, rest.reason, rest.ramp)
        for family, rest in saved.rests.items()
    }
    return Gate(streak=saved.streak, learned=saved.learned, rests=rests)

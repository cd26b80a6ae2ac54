"""Takes a changed configuration into use while it serves: all that can change, or nothing of it."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Never, Protocol

import msgspec
import structlog

from proxy.config import ConfigError, Settings, digest_of

log = structlog.get_logger(__name__)

HOT: Final = frozenset(
    {
        *("accounts", "discovery", "clients", "admin.token", "expose_account", "prices"),
        *("queue.max_requests", "queue.max_bytes", "queue.max_wait", "gate.spill_after"),
        *("probing.every", "probing.model"),
        *("retries.share", "retries.floor", "timeouts.first_content", "timeouts.ping"),
        *("timeouts.drain_dwell", "timeouts.drain", "warnings"),
    }
)
"""What takes effect at once. A change of anything else waits for a restart, and says so."""


class Result(StrEnum):
    """What came of a reload."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class Reload(msgspec.Struct, frozen=True):
    """A reload at an instant (epoch seconds), what for, and what came of it.

    `problems` are why it was refused, `warnings` what to hear of although it was not;
    `needs_restart` names the keys whose new values wait.
    """

    at: float
    cause: str
    result: Result
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


class ReloadEvents(Protocol):
    """What is told of reloads; `Metrics` satisfies it."""

    def config_reloaded(self, result: str) -> None:
        """A reload was tried."""


class Reloader:
    """Reads the configuration again when a file of it changes, or when it is asked to.

    `read` blocks, and raises ConfigError; `adopt` is called with settings that differ. A change is
    taken up once its files stay the same from one look to the next: nobody's half-written file is.
    """

    def __init__(
        self,
        read: Callable[[], Settings],
        started: Settings,
        adopt: Callable[[Settings], None],
        events: ReloadEvents,
        interval: float = 0.5,
    ) -> None:
        self._read = read
        self._started = started
        self._settings = started
        self._adopt = adopt
        self._events = events
        self._interval = interval
        self._files = started.files
        self._asked = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self.last: Reload | None = None

    def ask(self) -> None:
        """Reload soon; for handlers of signals."""
        self._asked.set()

    async def run(self) -> Never:
        """Watch the files for ever."""
        seen = self._files
        while True:
            before, asked = seen, await self._pause()
            seen = await asyncio.to_thread(_digests, self._files)
            if asked:
                await self.reload("signal")
            elif seen == before and seen != self._files:
                await self.reload("file")

    async def reload(self, cause: str) -> Reload:
        """Read, check and take over; a configuration with a problem changes nothing."""
        async with self._one_at_a_time:
            try:
                settings = await asyncio.to_thread(self._read)
            except ConfigError as error:
                self._files = error.files or self._files
                problems = tuple(map(str, error.problems))
                done = Reload(time.time(), cause, Result.REFUSED, problems)
            else:
                self._files = settings.files
                done = self._take_over(settings, cause)
            self.last = done
        _tell(done)
        self._events.config_reloaded(done.result)
        return done

    def _take_over(self, settings: Settings, cause: str) -> Reload:
        changed = set(_changed(self._settings, settings))
        if changed:
            self._adopt(settings)
            self._settings = settings
        waiting = sorted(set(_changed(self._started, settings)) - HOT)
        result = Result.APPLIED if changed else Result.UNCHANGED
        told = settings.warnings
        return Reload(time.time(), cause, result, warnings=told, needs_restart=tuple(waiting))

    async def _pause(self) -> bool:
        """Wait for the next look; True if it was asked for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._interval):
                await self._asked.wait()
        asked = self._asked.is_set()
        self._asked.clear()
        return asked


def _digests(files: Mapping[Path, str]) -> Mapping[Path, str]:
    return {path: digest_of(path) for path in files}


def _changed(old: object, new: object, path: str = "") -> Iterator[str]:
    """The paths of the settings that differ: `accounts`, `timeouts.ping`."""
    if old == new:
        return
    if not is_dataclass(old) or type(old) is not type(new):
        yield path
        return
    for field in fields(old):
        if field.compare:
            name = f"{path}.{field.name}" if path else field.name
            yield from _changed(getattr(old, field.name), getattr(new, field.name), name)


def _tell(done: Reload) -> None:
    match done.result:
        case Result.REFUSED:
            log.warning("configuration refused", cause=done.cause, problems=done.problems)
        case Result.APPLIED:
            told = {"warnings": done.warnings, "needs_restart": done.needs_restart}
            log.info("configuration applied", cause=done.cause, **told)
        case Result.UNCHANGED:
            log.info("configuration unchanged", cause=done.cause)

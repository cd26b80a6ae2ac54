"""What was asked and answered, for as long as memory allows: never on disk, never in a log."""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from worker.core.thread import Exchange, Said, Thread
from worker.core.usage import NOTHING, Usage

__all__ = ["Archive", "ArchiveLimits", "Exchange", "Said", "SessionView"]

_MALFORMED: Final = (msgspec.MsgspecError, RecursionError)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """At most so many bytes, and seconds after a session's last turn."""

    max_bytes: int
    ttl: float
    transcripts: bool = True


@dataclass(frozen=True, slots=True)
class SessionView:
    """What is told of a session without what was said in it. Instants are epoch seconds."""

    id: str
    created_at: float
    last_used_at: float
    models: tuple[str, ...] = ()
    turns: int = 0
    usage: Usage = NOTHING

    def after(self, exchange: Exchange) -> "SessionView":
        """The same, one turn later."""
        news = () if exchange.model in self.models else (exchange.model,)
        return replace(
            self,
            last_used_at=exchange.at,
            models=self.models + news,
            turns=self.turns + 1,
            usage=self.usage + exchange.usage,
        )


@dataclass(frozen=True, slots=True)
class _Pending:
    client: str
    exchange: Exchange
    content: bool


@dataclass(slots=True)
class _Session:
    view: SessionView
    thread: Thread


class Archive:
    """Sessions by client; one client's are nothing to another. The longest unused go first.

    `size` is about what they take in memory (bytes).
    """

    def __init__(self, limits: ArchiveLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._sessions: OrderedDict[tuple[str, str], _Session] = OrderedDict()
        self._answers: dict[tuple[str, str], str] = {}
        self._pending: deque[_Pending] = deque()
        self.size = 0

    @property
    def kept(self) -> int:
        """How many sessions, of all clients."""
        return len(self._sessions)

    def keep(self, client: str, exchange: Exchange, *, content: bool = True) -> None:
        """Keep a turn that has ended, well or not; without `content`, only that it was.

        It is found from now on; the work of it is left to `settle`, or to whoever asks first.
        """
        self._pending.append(_Pending(client, exchange, content and self._limits.transcripts))

    def settle(self) -> None:
        """Take in what was given to keep, and drop what is too old or too much."""
        while self._pending:
            self._take_in(self._pending.popleft())
        oldest = self._clock() - self._limits.ttl
        while self._sessions:
            key, session = next(iter(self._sessions.items()))
            if session.view.last_used_at >= oldest and self.size <= self._limits.max_bytes:
                return
            self._drop(key)

    def exchange(self, client: str, answer: str) -> Exchange | None:
        """The turn that ended with the answer of that id, or None if it is not known (any more)."""
        self.settle()
        session = self._answers.get((client, answer))
        if session is None:
            return None
        return self._sessions[client, session].thread.exchange(session, answer)

    def sessions(self, client: str) -> Sequence[SessionView]:
        """A client's sessions, the last used first."""
        self.settle()
        found = [session.view for (owner, _), session in self._sessions.items() if owner == client]
        return found[::-1]

    def session(self, client: str, key: str) -> SessionView | None:
        """One of a client's sessions."""
        self.settle()
        session = self._sessions.get((client, key))
        return session.view if session else None

    def transcript(self, client: str, key: str) -> Sequence[Said]:
        """What was said in a session, as far as it is kept."""
        self.settle()
        session = self._sessions.get((client, key))
        return session.thread.said() if session else ()

    def forget(self, client: str, key: str) -> bool:
        """Drop a session; False if there is none."""
        self.settle()
        known = (client, key) in self._sessions
        if known:
            self._drop((client, key))
        return known

    def _opened(self, key: tuple[str, str], now: float) -> _Session:
        session = _Session(SessionView(key[1], now, now), Thread())
        self._sessions[key] = session
        self.size += session.thread.size
        return session

    def _take_in(self, pending: _Pending) -> None:
        client, exchange = pending.client, pending.exchange
        key = (client, exchange.session)
        session = self._sessions.get(key) or self._opened(key, exchange.at)
        session.view = session.view.after(exchange)
        self._sessions.move_to_end(key)
        if pending.content:
            self.size -= session.thread.size
            with suppress(*_MALFORMED):
                session.thread.add(exchange)
                self._answers[client, exchange.id] = exchange.session
            self.size += session.thread.size

    def _drop(self, key: tuple[str, str]) -> None:
        session = self._sessions.pop(key)
        self.size -= session.thread.size
        for answer in session.thread.answers:
            if self._answers.get((key[0], answer)) == key[1]:
                del self._answers[key[0], answer]

"""What an engine knows of its account at a provider that it reaches over HTTP."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from worker.core.standing import Standing
from worker.core.state import EngineState, Login, Slots
from worker.core.verdict import Kind
from worker.engines.base import Turn, TurnFailedError

Clock = Callable[[], float]


class Account:
    """Counts the turns that run, and remembers what the provider's answers have told."""

    def __init__(self, slots: int, clock: Clock = time.time) -> None:
        self.clock = clock
        self._slots = slots
        self._standing = Standing()
        self._busy = 0

    @contextmanager
    def running(self, turn: Turn) -> Iterator[None]:
        """Hold a slot for a turn, and learn from its failure."""
        self._busy += 1
        try:
            with self.noting(turn):
                yield
        finally:
            self._busy -= 1

    @contextmanager
    def noting(self, turn: Turn) -> Iterator[None]:
        """Learn from a failure; learning the same twice changes nothing."""
        try:
            yield
        except TurnFailedError as error:
            self._standing = self._standing.failed(error.verdict, turn.model, self.clock())
            raise

    def answered(self, headers: Mapping[str, str]) -> None:
        """Learn from the headers (lower-case) of an answer."""
        self._standing = self._standing.answered(headers, self.clock())

    def served(self, turn: Turn, begun: float) -> None:
        """Learn from the success of a turn that began at that instant."""
        self._standing = self._standing.served(turn.model, begun)

    def state(self, *, is_open: bool) -> EngineState:
        """The state of an engine with this account; `is_open` once it may connect."""
        limit = self._standing.limit_at(self.clock())
        barred = limit is not None and limit.kind is Kind.AUTH
        reason = "auth" if barred else None if is_open else "starting"
        return EngineState(
            ready=reason is None,
            reason=reason,
            login=Login(ok=not barred),
            slots=Slots(self._slots, self._busy),
            windows=self._standing.windows,
            limit=None if barred else limit,
        )

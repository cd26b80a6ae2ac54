"""The protocol of an engine: what drives one login and answers Messages API requests with it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from worker.core.state import EngineState
from worker.core.verdict import Verdict
from worker.errors import WorkerError


class TurnFailedError(WorkerError):
    """A turn ended in a failure. The verdict says what it means for the account.

    `status` is the answer's status if nothing was sent yet, `kind` the API's error type.
    """

    def __init__(self, verdict: Verdict, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.verdict = verdict
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Turn:
    """One Messages API request.

    `raw` is the body as it came and `request` the same, parsed. `session` is the proxy's key, or
    one of our own (32 hex). `headers` holds anthropic-version and anthropic-beta. `steps` asks for
    the steps that an engine takes by itself. `notes` are for the archive, beside the request.
    `partial` is told what there was of an answer that failed or was left, shown or not.
    """

    id: str
    client: str
    session: str
    model: str
    stream: bool
    request: Mapping[str, object] = field(repr=False)
    raw: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    steps: bool = False
    notes: Mapping[str, object] = field(default_factory=dict, repr=False)
    partial: Callable[[Mapping[str, object]], None] = field(default=lambda _: None, repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a Messages API stream; `data` is its JSON on one line.

    An answer may begin with one that has content, or with one that `begins` it: the engine knows
    that content may be long in coming.
    """

    name: str
    data: bytes
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """A model the login may use; `created_at` is RFC 3339."""

    id: str
    display_name: str
    created_at: str = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class TokenCount:
    """The input tokens of a request; `estimated` if nobody really counted them."""

    input_tokens: int
    estimated: bool = False


class Engine(Protocol):
    """Drives one login. Every failure of a turn is a `TurnFailedError` with its verdict."""

    name: str

    async def start(self) -> None:
        """Make ready to serve; raises `WorkerError` if it never can."""

    async def stop(self) -> None:
        """End every turn and leave nothing behind."""

    def turn(self, turn: Turn) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Run one turn: its events from `message_start` to `message_stop`, as they come.

        Fails before or between events, never by ending early. Leaving the context ends the turn
        at the provider within a second.
        """

    async def message(self, turn: Turn) -> bytes:
        """Run one turn and give the JSON of its whole message. Cancelling it ends the turn."""

    async def count_tokens(self, turn: Turn) -> TokenCount:
        """Count the input tokens of a request without running it."""

    async def models(self) -> Sequence[Model]:
        """List what the login may use."""

    def forget(self, client: str, session: str) -> None:
        """End what is kept running for a session between its turns."""

    def state(self) -> EngineState:
        """Tell what is known now, without asking anybody."""

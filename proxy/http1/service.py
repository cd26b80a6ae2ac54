"""What the connections of one server share."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from proxy.http1.deadlines import Sweep
from proxy.http1.exchange import Exchange
from proxy.http1.messages import FramingError, Headers
from proxy.http1.settings import HttpLimits, HttpTimeouts


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request refused before any handler saw it; method and target as far as they came."""

    status: int
    message: str
    method: bytes
    target: bytes
    peer: str


Handler = Callable[[Exchange], Awaitable[None]]
Reject = Callable[[Rejection], tuple[Headers, bytes]]


class Connected(Protocol):
    """A client's socket, whoever looks after it at the moment."""

    @property
    def busy(self) -> bool:
        """Whether a request is being read or answered."""

    def retire(self) -> None:
        """Hang up unless a request is on its way."""

    def end(self) -> None:
        """Stop what is under way at once; `abort` follows."""

    def abort(self) -> None:
        """Drop the socket."""


@dataclass(slots=True)
class Service:
    """The handler, the rules, and the books: every open connection is among `connections`."""

    handler: Handler
    reject: Reject
    limits: HttpLimits
    timeouts: HttpTimeouts
    sweep: Sweep
    tasks: asyncio.TaskGroup
    connections: set[Connected] = field(default_factory=set)
    draining: bool = False
    emptied: asyncio.Event = field(default_factory=asyncio.Event)

    def opened(self, connection: Connected) -> None:
        self.connections.add(connection)
        self.emptied.clear()

    def closed(self, connection: Connected) -> None:
        self.connections.discard(connection)
        if not self.connections:
            self.emptied.set()

    def word(
        self, error: FramingError, method: bytes, target: bytes, peer: str
    ) -> tuple[Headers, bytes]:
        """Headers and body of a refusal, in the words of whoever knows the endpoint."""
        return self.reject(Rejection(error.status, error.message, method, target, peer))

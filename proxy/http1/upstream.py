"""The worker side of the data plane: exchanges over connections that are kept alive by origin."""

import asyncio
import ssl
from functools import partial
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import msgspec

from proxy.errors import UnreachableError
from proxy.http1.answer import Answer, Sink
from proxy.http1.deadlines import Sweep
from proxy.http1.settings import UpstreamTimeouts
from proxy.http1.worker_connection import WorkerConnection

__all__ = ["Answer", "Origin", "Sink", "UpstreamTimeouts", "Upstreams"]


class Origin(msgspec.Struct, frozen=True):
    """Where a worker listens. `prefix` is the path that its targets go behind, without a slash."""

    host: str
    port: int
    tls: bool
    host_header: bytes
    prefix: bytes = b""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read an http or https URL. Raises ValueError if it names no host."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not an http(s) URL: {url!r}")
        tls = parts.scheme == "https"
        return cls(
            host=parts.hostname,
            port=parts.port or (443 if tls else 80),
            tls=tls,
            host_header=parts.netloc.rpartition("@")[2].encode("ascii"),
            prefix=parts.path.rstrip("/").encode("ascii"),
        )


class UpstreamExchange:
    """One request to a worker. Leaving the context gives its connection back, or ends it."""

    __slots__ = ("_body", "_connection", "_head", "_origin", "_upstreams")

    def __init__(self, upstreams: "Upstreams", origin: Origin, head: bytes, body: bytes) -> None:
        self._upstreams = upstreams
        self._origin = origin
        self._head = head
        self._body = body
        self._connection: WorkerConnection | None = None

    async def __aenter__(self) -> Answer:
        connection = self._upstreams.take(self._origin)
        if connection is None:
            connection = await self._upstreams.connect(self._origin)
        self._connection = connection
        method = self._head[: self._head.index(b" ")].decode("ascii")
        answer: Answer | None = None
        try:
            answer = await connection.request(method, self._head, self._body)
        finally:
            if answer is None:
                connection.abort()
        return answer

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._upstreams.give_back(self._origin, connection)


class Upstreams:
    """The connections to all workers. At most `max_idle` of an origin rest, `idle_ttl` seconds."""

    def __init__(
        self,
        timeouts: UpstreamTimeouts | None = None,
        *,
        idle_ttl: float = 30.0,
        max_idle: int = 256,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._timeouts = timeouts or UpstreamTimeouts()
        self._idle_ttl = idle_ttl
        self._max_idle = max_idle
        self._tls = tls
        self._idle: dict[Origin, list[WorkerConnection]] = {}
        self._all: set[WorkerConnection] = set()
        shortest = (self._timeouts.send, self._timeouts.first_byte, self._timeouts.stream_idle)
        self._sweep = Sweep([*shortest, idle_ttl])

    @property
    def connections(self) -> int:
        return len(self._all)

    @property
    def idle(self) -> int:
        return sum(len(resting) for resting in self._idle.values())

    def exchange(self, origin: Origin, head: bytes, body: bytes) -> UpstreamExchange:
        """Send a request; `async with` gives its Answer.

        Entering raises UnreachableError if the worker surely got nothing, WorkerBrokeError or
        StageTimeoutError once it may have.
        """
        return UpstreamExchange(self, origin, head, body)

    async def close(self) -> None:
        """End every connection, also those in use."""
        for connection in tuple(self._all):
            connection.abort()
        self._sweep.stop()

    def take(self, origin: Origin) -> WorkerConnection | None:
        """The connection that rested last, if one is still good."""
        resting = self._idle.get(origin)
        while resting:
            connection = resting.pop()
            if connection.fresh():
                return connection
            connection.abort()
        return None

    def give_back(self, origin: Origin, connection: WorkerConnection) -> None:
        """Let the connection rest if the exchange left it clean."""
        resting = self._idle.setdefault(origin, [])
        if len(resting) < self._max_idle and connection.rest(self._idle_ttl):
            resting.append(connection)
        else:
            connection.abort()

    async def connect(self, origin: Origin) -> WorkerConnection:
        try:
            async with asyncio.timeout(self._timeouts.connect):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: WorkerConnection(self._timeouts, partial(self._lost, origin)),
                    origin.host,
                    origin.port,
                    ssl=self._context() if origin.tls else None,
                )
        except TimeoutError as exc:
            raise UnreachableError("connect: The worker does not take the connection.") from exc
        except (OSError, UnicodeError) as exc:
            raise UnreachableError("connect: The worker cannot be reached.") from exc
        if connection.transport.is_closing():
            raise UnreachableError("connect: The worker hung up at once.")
        self._all.add(connection)
        self._sweep.watch(connection)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _lost(self, origin: Origin, connection: WorkerConnection) -> None:
        self._all.discard(connection)
        self._sweep.forget(connection)
        resting = self._idle.get(origin, [])
        if connection in resting:
            resting.remove(connection)
        if not resting:
            self._idle.pop(origin, None)

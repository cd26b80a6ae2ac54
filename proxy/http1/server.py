"""The client side of the data plane: a listening socket and the connections it brings."""

import asyncio
from contextlib import AsyncExitStack, suppress

from proxy.http1.connection import ClientConnection
from proxy.http1.deadlines import Sweep
from proxy.http1.exchange import Exchange
from proxy.http1.service import Handler, Reject, Rejection, Service
from proxy.http1.settings import HttpLimits, HttpTimeouts

__all__ = ["Exchange", "Handler", "HttpLimits", "HttpTimeouts", "Reject", "Rejection", "Server"]


class Server:
    """Serves `handler` one task a request; `reject` words the refusals that never reach it.

    A handler's task is cancelled when its client leaves before the answer is finished.
    """

    def __init__(
        self,
        handler: Handler,
        reject: Reject,
        limits: HttpLimits | None = None,
        timeouts: HttpTimeouts | None = None,
    ) -> None:
        timeouts = timeouts or HttpTimeouts()
        sweep = Sweep([timeouts.header, timeouts.body_idle, timeouts.linger])
        tasks = asyncio.TaskGroup()
        self._service = Service(handler, reject, limits or HttpLimits(), timeouts, sweep, tasks)
        self._service.emptied.set()
        self._stack = AsyncExitStack()
        self._listener: asyncio.Server | None = None
        self.port = 0

    @property
    def connections(self) -> int:
        return len(self._service.connections)

    @property
    def in_flight(self) -> int:
        """Requests that are being read or answered."""
        return sum(connection.busy for connection in self._service.connections)

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError if the address cannot be had."""
        await self.bind(host, port)
        await self.listen()

    async def bind(self, host: str, port: int) -> None:
        """Take the address; then `port` is the one in use. Raises OSError if it cannot be had."""
        await self._stack.enter_async_context(self._service.tasks)
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: ClientConnection(self._service), host, port, backlog=4096, start_serving=False
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def listen(self) -> None:
        """Let clients in where `bind` said."""
        if self._listener is not None:
            await self._listener.start_serving()

    def last_answers(self) -> None:
        """Put `Connection: close` on every answer from now on; still accept."""
        self._service.draining = True

    async def drain(self, limit: float) -> int:
        """Accept no more, let requests finish for `limit` seconds; how many had to be left."""
        self.last_answers()
        self._stop_listening()
        for connection in tuple(self._service.connections):
            connection.retire()
        try:
            async with asyncio.timeout(limit):
                await self._service.emptied.wait()
        except TimeoutError:
            return self.in_flight
        return 0

    async def close(self) -> None:
        """End at once what is left: handlers are cancelled, what they leave open is cut."""
        self._stop_listening()
        for connection in tuple(self._service.connections):
            connection.end()
        await self._stack.aclose()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._service.timeouts.linger):
                await self._service.emptied.wait()
        for connection in tuple(self._service.connections):
            connection.abort()
        await self._service.emptied.wait()
        self._service.sweep.stop()

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

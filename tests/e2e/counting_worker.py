"""A worker that counts for itself: who is in flight on which account, and how many at most."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import Self

from tests.proxy.raw_worker import _request, whole

OK = whole(b'{"type":"message","usage":{"output_tokens":1}}', b"content-type: application/json")


class CountingWorker:
    """Serves every account, told apart by `x-api-key`, each request for `seconds`.

    While it is not `free`, nothing is answered. `answers` may hold another answer for an account's
    next request. A request whose proxy dies is over at once.
    """

    url: str

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.free = asyncio.Event()
        self.free.set()
        self.answers: dict[str, bytes] = {}
        self.in_flight: Counter[str] = Counter()
        self.peak: Counter[str] = Counter()
        self.came: list[tuple[str, float]] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    def account(self, name: str, **more: object) -> dict:
        """An account for the configuration."""
        return {"name": name, "url": self.url, "headers": {"x-api-key": f"key-of-{name}"}, **more}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                account = _account(await _request(reader))
                await self._answer(account, reader, writer)
        writer.close()

    async def _answer(
        self, account: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.came.append((account, time.time()))
        self.in_flight[account] += 1
        self.peak[account] = max(self.peak[account], self.in_flight[account])
        try:
            async with asyncio.TaskGroup() as group:
                gone = group.create_task(_gone(reader))
                await asyncio.sleep(self.seconds)
                await self.free.wait()
                gone.cancel()
        finally:
            self.in_flight[account] -= 1
        writer.write(self.answers.pop(account, OK))
        await writer.drain()


async def _gone(reader: asyncio.StreamReader) -> None:
    """Notice a proxy that hangs up: it sends nothing before its answer."""
    if not await reader.read(1):
        raise ConnectionResetError


def _account(request: bytes) -> str:
    line = next(one for one in request.split(b"\r\n") if one.lower().startswith(b"x-api-key:"))
    return line.decode().split(":")[1].strip().removeprefix("key-of-")

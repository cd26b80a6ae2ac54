"""HTTP to a provider: what goes out, and every way in which nothing usable comes back."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from importlib.metadata import version
from typing import Final

import aiohttp

from worker.config import ApiTimeouts
from worker.engines.failures import broken, timed_out, unreachable

_AGENT: Final = f"headgate-worker/{version('headgate')}"
_KEEPALIVE: Final = 10.0
"""Seconds an idle connection is kept: less than servers keep theirs."""
_LINGER: Final = 0.5
"""Seconds for an answer to end after its last event."""
_DEFAULTS: Final = {
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": _AGENT,
}


class _Waits:
    """Waits for the provider: bounded, and every one of them can be ended at once."""

    def __init__(self) -> None:
        self._live: set[asyncio.Timeout] = set()
        self._ended = False

    @asynccontextmanager
    async def within(self, seconds: float, stage: str) -> AsyncIterator[None]:
        """Bound one wait, and name whatever goes wrong in it."""
        if self._ended:
            raise broken("this worker stops")
        try:
            async with asyncio.timeout(seconds) as wait:
                self._live.add(wait)
                try:
                    yield
                finally:
                    self._live.discard(wait)
        except aiohttp.ConnectionTimeoutError as exc:
            raise timed_out("connect", started=False) from exc
        except aiohttp.ClientConnectorError as exc:
            raise unreachable("the provider cannot be reached") from exc
        except TimeoutError as exc:
            ended = broken("this worker stops") if self._ended else None
            raise ended or timed_out(stage, started=True) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise broken("the provider's answer broke off") from exc

    def end(self) -> None:
        """Fail every wait now; aiohttp leaves its readers waiting when a session is closed."""
        self._ended = True
        for wait in self._live:
            wait.reschedule(0)


class Answer:
    """A provider's answer whose head has come. `headers` are lower-case."""

    def __init__(self, response: aiohttp.ClientResponse, waits: _Waits, idle: float) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.content_type = response.content_type
        self._content = response.content
        self._waits = waits
        self._idle = idle

    @property
    def plain(self) -> bool:
        """Whether the payload is readable as it comes."""
        return self.headers.get("content-encoding", "identity") == "identity"

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The payload as it comes, up to its end."""
        while True:
            async with self._waits.within(self._idle, "the answer stands still"):
                chunk = await self._content.readany()
            if not chunk:
                return
            yield chunk

    async def body(self, limit: int) -> bytes:
        """The whole payload."""
        body = bytearray()
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > limit:
                    raise broken("the provider's answer is too long")
        return bytes(body)

    async def ended(self) -> None:
        """Give the answer a moment to end by itself, so that its connection is kept."""
        with suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(_LINGER):
                while await self._content.readany():
                    pass


class Upstream:
    """HTTP to one provider, with its credential in `headers`.

    Every failure is a `TurnFailedError`.
    """

    def __init__(self, headers: Mapping[str, str], timeouts: ApiTimeouts) -> None:
        self._own = {name.lower(): value for name, value in headers.items()}
        self._timeouts = timeouts
        self._waits = _Waits()
        self._session: aiohttp.ClientSession | None = None

    @property
    def is_open(self) -> bool:
        return self._session is not None

    async def open(self) -> None:
        """Make ready to connect; nothing is sent yet."""
        self._waits = _Waits()
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._timeouts.connect),
        )

    async def close(self) -> None:
        """End every exchange and drop every connection."""
        self._waits.end()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def exchange(
        self, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> AsyncIterator[Answer]:
        """Hold the answer to a body as it is, or to a GET; our own headers stand above `headers`.

        Leaving before the answer's end closes the connection at once.
        """
        response = await self._sent(url, headers, body)
        try:
            yield Answer(response, self._waits, self._timeouts.stream_idle)
        finally:
            response.close()

    async def _sent(
        self, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise unreachable("this worker is not started")
        async with self._waits.within(self._timeouts.first_byte, "first byte"):
            return await self._session.request(
                "GET" if body is None else "POST",
                url,
                headers=_DEFAULTS | dict(headers) | self._own,
                data=io.BytesIO(body) if body is not None else None,
                allow_redirects=False,
            )

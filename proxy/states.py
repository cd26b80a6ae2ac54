"""Asks workers for their `/state`."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, Self

import aiohttp

from proxy.core.probe import Probe, read_probe

LARGEST: Final = 65_536
"""No state is longer (bytes)."""

MISSES: Final = (aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError)
"""What asking raises where no worker answers, or nothing that is a state."""


class States:
    """Entered for as long as it asks; at most `at_once` at a time."""

    def __init__(self, timeout: float = 2.0, at_once: int = 32) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._at_once = asyncio.Semaphore(at_once)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, timeout=self._timeout
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ask(self, url: str, headers: Mapping[str, str]) -> Probe:
        """The state of the worker at this address. Raises one of `MISSES`."""
        address = url.rstrip("/") + "/state"
        async with (
            self._at_once,
            self._session.get(address, headers=headers, allow_redirects=False) as answer,
        ):
            if answer.status != HTTPStatus.OK:
                raise ValueError("not a state")
            body = b""
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > LARGEST:
                    raise ValueError("too long for a state")
        return read_probe(body)

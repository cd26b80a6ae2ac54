"""What changed in the shared store, told to this replica's listener, whoever changed it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Never

import msgspec

from proxy.store.away import FAILURES, StoreAwayError
from proxy.store.base import Listener
from proxy.store.redis.script import Client
from proxy.store.redis.wire import Event, read_told

POLL: Final = 1.0
"""News is asked for as often as this where nothing calls for it (seconds)."""


def announce(events: Iterable[Event], listener: Listener) -> None:
    """Tell the listener, in order."""
    for event in events:
        if event.kind == "freed":
            listener.account_freed(event.account)
        elif event.kind == "woken":
            listener.account_woken(event.account)
        elif event.reason is not None:
            listener.account_rested(event.account, event.reason)


class News:
    """Follows the pool's stream, so that what comes while a connection is lost is not.

    `patience` is how long one read waits in Redis for the next entry (seconds).
    """

    def __init__(
        self,
        client: Client,
        stream: str,
        ask: Callable[[str, str | None], Awaitable[msgspec.Raw]],
        patience: float,
    ) -> None:
        self._client = client
        self._stream = stream
        self._ask = ask
        self._patience = patience
        self._last: str | None = None

    async def follow(self, listener: Callable[[], Listener]) -> Never:
        """Tell the listener what other replicas changed, for ever."""
        loop = asyncio.get_running_loop()
        asked_at = -POLL
        while True:
            if self._last is None or await self._rang() or loop.time() - asked_at >= POLL:
                asked_at = loop.time()
                announce(await self._read(), listener())

    async def _rang(self) -> bool:
        """Wait a while for an entry after the last; True if there is one."""
        wait = int(self._patience * 1000)
        try:
            async with asyncio.timeout(2 * self._patience):
                found = await self._client.execute_command(
                    "XREAD", "BLOCK", wait, "STREAMS", self._stream, self._last or "$"
                )
        except FAILURES:
            await self._pause()
            return False
        return bool(found)

    async def _read(self) -> tuple[Event, ...]:
        try:
            told = read_told(await self._ask("news", self._last))
        except StoreAwayError:
            await self._pause()
            return ()
        self._last = told.last
        return told.events

    async def _pause(self) -> None:
        await asyncio.sleep(self._patience * (1 + random.random()))  # noqa: S311 (jitter)

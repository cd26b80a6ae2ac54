"""The script that Redis runs a batch of operations with, and how it is called."""

import asyncio
from collections.abc import Awaitable
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Final, Protocol

from redis.exceptions import NoScriptError

from proxy.store.away import FAILURES, away

PARTS: Final = ("pool", "slots", "gate", "affinity", "claim", "operations", "ledger", "batch")
"""Files of `lua/`, in order: one script, in which each knows what stands before it."""


class Client(Protocol):
    """What the store needs of a client of redis-py, be it for one server or for a cluster."""

    def execute_command(self, *args: bytes | str | float) -> Awaitable[object]:
        """Send a command and read its answer."""


class Script:
    """Runs on the keys of one pool, within `timeout` seconds."""

    def __init__(self, client: Client, pool: str, timeout: float) -> None:
        self._client = client
        self._pool = pool
        self._timeout = timeout
        self._text = script_text()
        self._digest = sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, *args: bytes) -> bytes:
        """Run it. Raises StoreAwayError where it did not run or may not have run."""
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._evaluate(args)
        except FAILURES as exc:
            raise away(exc) from exc
        if not isinstance(answer, bytes):
            raise away(TypeError("no answer of this script"))
        return answer

    async def _evaluate(self, args: tuple[bytes, ...]) -> object:
        """Run it by its digest; a server that does not know it, yet or any more, is sent it."""
        try:
            return await self._client.execute_command("EVALSHA", self._digest, 1, self._pool, *args)
        except NoScriptError:
            return await self._client.execute_command("EVAL", self._text, 1, self._pool, *args)


@cache
def script_text() -> str:
    folder = files(__package__) / "lua"
    return "\n".join((folder / f"{part}.lua").read_text("utf-8") for part in PARTS)

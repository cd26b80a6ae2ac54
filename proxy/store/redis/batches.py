"""Operations on the shared store, many to a round trip, in the order in which they were asked."""

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Never

import msgspec

from proxy.store.away import Away, StoreAwayError
from proxy.store.redis.wire import Operation

MOST_TOLD: Final = 10_000
"""Operations that are kept while the store is away; the oldest go first."""


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """Operations to a round trip; seconds between tries, and until what was told is stale."""

    size: int = 128
    retry: float = 0.5
    stale: float = 45.0


@dataclass(slots=True, eq=False)
class _Item:
    """What is asked has somebody who awaits the reply; what is told has the time of that."""

    operation: Operation
    reply: asyncio.Future[msgspec.Raw] | None = None
    told_at: float = 0.0

    @property
    def left(self) -> bool:
        """Whether the one who asked has gone."""
        return self.reply is not None and self.reply.done()


class Batches:
    """While one batch is under way the next gathers: the busier, the fewer trips a request.

    Who asks waits for a reply, or for a StoreAwayError. What is told waits for nobody: it is
    repeated until it arrives or is stale, and no later operation overtakes it.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Operation]], Awaitable[Sequence[msgspec.Raw]]],
        policy: BatchPolicy,
    ) -> None:
        self._send = send
        self._policy = policy
        self._waiting: deque[_Item] = deque()
        self._filled = asyncio.Event()
        self._asked = asyncio.Event()

    async def ask(self, *operation: object) -> msgspec.Raw:
        """Have an operation done, after all that came before it. Raises StoreAwayError."""
        reply: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Item(operation, reply))
        self._filled.set()
        self._asked.set()
        return await reply

    def tell(self, *operation: object) -> None:
        """Have an operation done, sooner or later."""
        if len(self._waiting) >= MOST_TOLD:
            self._drop_oldest_told()
        now = asyncio.get_running_loop().time()
        self._waiting.append(_Item(operation, told_at=now))
        self._filled.set()

    async def run(self) -> Never:
        """Send what is asked and told, for ever."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while not await self.flush():
                await self._pause()

    async def flush(self) -> bool:
        """Send all that waits; False if the store was away."""
        while self._waiting:
            batch = self._take()
            if batch and not await self._sent(batch):
                return False
        return True

    async def _sent(self, batch: Sequence[_Item]) -> bool:
        try:
            replies = await self._send([item.operation for item in batch])
        except StoreAwayError as error:
            self._put_back(batch, error.kind)
            return False
        except asyncio.CancelledError:
            self._put_back(batch, Away.OTHER)
            raise
        for item, reply in zip(batch, replies, strict=True):
            if item.reply is not None and not item.left:
                item.reply.set_result(reply)
        return True

    def _take(self) -> list[_Item]:
        size = min(self._policy.size, len(self._waiting))
        taken = [self._waiting.popleft() for _ in range(size)]
        return [item for item in taken if not item.left]

    def _put_back(self, batch: Sequence[_Item], kind: Away) -> None:
        """Keep what was told and is not stale. All who ask hear at once that the store is away."""
        oldest = asyncio.get_running_loop().time() - self._policy.stale
        items = tuple(itertools.chain(batch, self._waiting))
        self._waiting = deque(i for i in items if i.reply is None and i.told_at > oldest)
        for item in items:
            if item.reply is not None and not item.left:
                item.reply.set_exception(StoreAwayError(kind))

    async def _pause(self) -> None:
        """Wait before what was told is tried again; whoever asks meanwhile tries for all."""
        self._asked.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._policy.retry):
                await self._asked.wait()

    def _drop_oldest_told(self) -> None:
        oldest = next((item for item in self._waiting if item.reply is None), None)
        if oldest is not None:
            self._waiting.remove(oldest)

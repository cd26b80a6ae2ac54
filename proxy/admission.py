"""The waiting room: bounded, fair over clients, woken by what changes, never by polling.

One task offers what has become free, in fair order. It claims on behalf of those who wait, so
that a newcomer cannot take it first and a wake-up is never lost with a waiter that leaves.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final, Never, Protocol

from proxy.core.account import AccountName
from proxy.core.fairness import FairQueue, Ticket
from proxy.core.forecast import Forecast
from proxy.errors import ProxyError, QueueFullError
from proxy.store.base import Refusal, Slot
from proxy.waiter import Waiter

LATEST: Final = 30.0
"""Whom the line is too long for may come again after so many seconds, whatever its length."""


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """The most requests and bytes that wait, and how long each may (seconds)."""

    max_requests: int = 1000
    max_bytes: int = 268_435_456
    max_wait: float = 60.0


class QueueEvents(Protocol):
    """What the waiting room tells of itself."""

    def queue_left(self, priority: str, end: str, seconds: float) -> None:
        """A request has waited; `end` is `granted`, `gone` or the outcome of its error."""


class Admission:
    """Those who wait, and the task that serves them (`run`).

    `claim` asks the store on behalf of a waiter; `give_back` takes a slot that came too late.
    """

    def __init__(
        self,
        claim: Callable[[Waiter], Awaitable[Slot | Refusal]],
        give_back: Callable[[Slot], None],
        policy: QueuePolicy,
        events: QueueEvents,
    ) -> None:
        self._claim = claim
        self._give_back = give_back
        self._events = events
        self._queue: FairQueue[Waiter] = FairQueue(policy.max_requests, policy.max_bytes)
        self.forecast = Forecast()
        self._stirred = asyncio.Event()
        self._freed: set[AccountName | None] = set()
        self._offering = False
        self.news = 0
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        return len(self._queue) + self._offering

    @property
    def open(self) -> bool:
        """Whether a newcomer overtakes nobody: whatever became free has been offered."""
        return not self._offering and not self._stirred.is_set()

    def adjust(self, policy: QueuePolicy) -> None:
        """Bound the room so from now on; nobody is sent away."""
        self._queue.bound(policy.max_requests, policy.max_bytes)

    def stir(self, account: AccountName | None = None) -> None:
        """Offer what this account (None: any) may have free to those who wait."""
        self.news += 1
        if self._queue or self._offering:
            self._freed.add(account)
            self._stirred.set()

    async def wait(self, waiter: Waiter, news: int) -> Slot:
        """Wait in line. Raises what the client is to be told if there is no slot in time.

        `news` is what `news` was before the waiter was refused: had there been some since, it
        would be missed.
        """
        loop = asyncio.get_running_loop()
        granted: asyncio.Future[Slot] = loop.create_future()
        waiter.granted = granted
        self._check_forecast(waiter, loop.time())
        place = self._join(waiter, news)
        self.forecast.joined(waiter.place, loop.time())
        timers = self._timers(waiter)
        end = "gone"
        try:
            slot = await granted
            end = "granted"
        except ProxyError as error:
            end = error.outcome
            raise
        except asyncio.CancelledError:
            self._take_back(waiter)
            raise
        finally:
            for timer in timers:
                timer.cancel()
            self._queue.remove(place)
            self.forecast.left(waiter.place, loop.time(), served=end == "granted")
            self._events.queue_left(waiter.priority, end, loop.time() - waiter.came_at)
        return slot

    async def run(self) -> Never:
        """Serve those who wait, for ever."""
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            freed, self._freed = self._freed, set()
            await self._offer(freed)

    def refuse_all(self, error: Callable[[], ProxyError]) -> None:
        """Send everybody away: there is nothing left to wait for."""
        for place in list(self._queue):
            place.item.fail(error())

    def _check_forecast(self, waiter: Waiter, now: float) -> None:
        """Refuse at once whom the line would not serve in time, as far as anybody can tell.

        Who waits for its session's own account may yet be served elsewhere.
        """
        refusal = waiter.refusal
        if refusal is None or refusal.own is not None:
            return
        wait = self.forecast.wait(waiter.place, now)
        if wait is not None and now + wait > waiter.deadline:
            late = min(LATEST, now + wait - waiter.deadline)
            message = "The line is longer than you would wait."
            raise QueueFullError(message, retry_after=late + waiter.again_in)

    def _join(self, waiter: Waiter, news: int) -> Ticket[Waiter]:
        call = waiter.call
        place = Ticket(waiter, call.client, call.size, call.batch)
        if not self._queue.push(place):
            raise QueueFullError("Too many requests are waiting.", retry_after=waiter.again_in)
        if waiter.refusal is None or news != self.news:
            self.stir()
        else:
            self._wake_at(waiter.refusal)
        return place

    async def _offer(self, freed: set[AccountName | None]) -> None:
        """Go through those whom it may concern, each kind until one of it is refused."""
        now = asyncio.get_running_loop().time()
        refused: set[Hashable] = set()

        def concerned(waiter: Waiter) -> bool:
            return waiter.waits_for(freed, now) and waiter.kind not in refused

        while (place := self._queue.pop(concerned)) is not None:
            found = await self._claim_for(place)
            if isinstance(found, Slot):
                self._grant(place.item, found)
            elif not place.item.refuse(found, now):
                refused.add(place.item.kind)
                self._queue.put_back(place)
                self._wake_at(found)

    async def _claim_for(self, place: Ticket[Waiter]) -> Slot | Refusal:
        self._offering = True
        try:
            return await self._claim(place.item)
        except asyncio.CancelledError:
            self._queue.put_back(place)
            raise
        finally:
            self._offering = False

    def _grant(self, waiter: Waiter, slot: Slot) -> None:
        if not waiter.grant(slot):
            self._give_back(slot)

    def _take_back(self, waiter: Waiter) -> None:
        """Return the slot of a waiter that left in the moment it was served."""
        if (slot := waiter.unused()) is not None:
            self._give_back(slot)

    def _timers(self, waiter: Waiter) -> list[asyncio.TimerHandle]:
        loop = asyncio.get_running_loop()
        timers = [loop.call_at(waiter.deadline, self._expire, waiter)]
        if waiter.came_at < waiter.spills_at < waiter.deadline:
            timers.append(loop.call_at(waiter.spills_at, self.stir))
        return timers

    def _expire(self, waiter: Waiter) -> None:
        waiter.fail(QueueFullError("No account was free in time.", retry_after=waiter.again_in))

    def _wake_at(self, refusal: Refusal) -> None:
        """Keep one timer, for the soonest instant at which time alone may help."""
        if refusal.until is None:
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + max(0.001, refusal.until - refusal.now)
        if self._alarm is None or when < self._alarm.when():
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.stir()

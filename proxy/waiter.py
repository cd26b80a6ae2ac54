"""One request on its way to a slot: what it wants, how long it may take, what it is told."""

import asyncio
from collections.abc import Collection, Hashable
from dataclasses import dataclass

import msgspec

from proxy.core.account import AccountName, ModelFamily
from proxy.core.forecast import Place
from proxy.errors import AllLimitedError, NoWorkerError, ProxyError, QueueFullError
from proxy.store.base import Reach, Refusal, Slot


class Call(msgspec.Struct, frozen=True):
    """What a request asks of the pool; `size` is its body's, in bytes.

    `max_wait` is the longest wait its client wants (seconds), None for the configured one. A
    `patient` one would rather wait for its session's own account than be served elsewhere. A
    subagent's session would rather begin where that of its `parent` is.
    """

    request_id: str
    client: str
    session: str | None
    family: ModelFamily
    size: int = 0
    batch: bool = False
    max_wait: float | None = None
    patient: bool = True
    parent: str | None = None


@dataclass(slots=True, eq=False)
class Waiter:
    """A call that looks for a slot. Times are the loop's.

    Until `spills_at` it waits for its session's own account alone; at `deadline` it gives up.
    `again_in` is when its client had better come back if it finds the room full (seconds).
    """

    id: str
    call: Call
    skip: frozenset[AccountName]
    came_at: float
    spills_at: float
    deadline: float
    again_in: float = 1.0
    refusal: Refusal | None = None
    granted: asyncio.Future[Slot] | None = None

    @property
    def priority(self) -> str:
        return "batch" if self.call.batch else "interactive"

    @property
    def place(self) -> Place:
        return Place(self.call.family, self.call.client, self.call.batch)

    @property
    def kind(self) -> Hashable:
        """Those of one kind want the same: where one is refused, so would be the others."""
        own = None if self.refusal is None else self.refusal.own
        return self.call.family, own, self.skip

    def reach(self, now: float) -> Reach:
        return Reach.HOLD if now < self.spills_at else Reach.SPILL

    def holds(self, refusal: Refusal, now: float) -> bool:
        """Whether to go on waiting for the session's own account rather than spill."""
        if refusal.own is None or now >= self.spills_at:
            return False
        return refusal.until is None or now + refusal.until - refusal.now <= self.spills_at

    def waits_for(self, freed: Collection[AccountName | None], now: float) -> bool:
        """Whether news of these accounts (None: of any) concerns it."""
        own = None if self.refusal is None else self.refusal.own
        return own is None or own in freed or None in freed or now >= self.spills_at

    def hopeless(self, refusal: Refusal, now: float) -> ProxyError | None:
        """Why no wait that is allowed can help, or None if one can."""
        rests = 0.0 if refusal.until is None else refusal.until - refusal.now
        if not refusal.full and not refusal.limited:
            return NoWorkerError("No worker is ready.", retry_after=min(5.0, max(1.0, rests)))
        if not refusal.full and now + rests > self.deadline:
            return AllLimitedError("All accounts have reached their limits.", retry_after=rests)
        if now >= self.deadline:
            return QueueFullError("All accounts are busy.", retry_after=self.again_in)
        return None

    def grant(self, slot: Slot) -> bool:
        """Hand a slot over; False if nobody is there any more."""
        if self.granted is None or self.granted.done():
            return False
        self.granted.set_result(slot)
        return True

    def fail(self, error: ProxyError) -> None:
        if self.granted is not None and not self.granted.done():
            self.granted.set_exception(error)

    def refuse(self, refusal: Refusal, now: float) -> bool:
        """Take a refusal in; True if it waits no longer."""
        self.refusal = refusal
        if (error := self.hopeless(refusal, now)) is not None:
            self.fail(error)
        return self.granted is None or self.granted.done()

    def unused(self) -> Slot | None:
        """The slot that was granted and not taken up, if any."""
        granted = self.granted
        if granted is None or granted.cancelled() or not granted.done():
            return None
        return None if granted.exception() is not None else granted.result()

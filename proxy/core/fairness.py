"""A fair queue: deficit round robin over clients, first come first served within one."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

T = TypeVar("T")

QUANTUM: Final = 65_536
"""What every client may spend in one round (bytes), and the least that a request costs."""

DEAREST: Final = 8 * QUANTUM
"""No request costs its client more turns than this buys."""

BATCH_EVERY: Final = 8
"""Of so many requests let through while both classes wait, one at least is batch."""


@dataclass(eq=False, slots=True)
class Ticket(Generic[T]):
    """A place in the queue. `size` is in bytes; `batch` work waits behind interactive work."""

    item: T
    client: str
    size: int = 0
    batch: bool = False
    arrival: int = field(default=0, init=False)

    @property
    def cost(self) -> int:
        """What it takes from its client's turns."""
        return min(DEAREST, max(QUANTUM, self.size))


@dataclass(slots=True)
class _Lane(Generic[T]):
    """One client's tickets in order, and how much of its turns it has not spent."""

    tickets: "OrderedDict[Ticket[T], None]" = field(default_factory=OrderedDict)
    credit: int = 0

    def first(self, fits: Callable[[T], bool]) -> Ticket[T] | None:
        return next((ticket for ticket in self.tickets if fits(ticket.item)), None)


class _Class(Generic[T]):
    """The lanes of one priority, in the order of their turns."""

    def __init__(self) -> None:
        self.lanes: OrderedDict[str, _Lane[T]] = OrderedDict()

    def push(self, ticket: Ticket[T]) -> None:
        self.lanes.setdefault(ticket.client, _Lane()).tickets[ticket] = None

    def put_back(self, ticket: Ticket[T]) -> None:
        self.push(ticket)
        lane = self.lanes[ticket.client]
        lane.credit += ticket.cost
        for later in [other for other in lane.tickets if other.arrival > ticket.arrival]:
            lane.tickets.move_to_end(later)
        self.lanes.move_to_end(ticket.client, last=False)

    def remove(self, ticket: Ticket[T]) -> bool:
        lane = self.lanes.get(ticket.client)
        if lane is None or ticket not in lane.tickets:
            return False
        del lane.tickets[ticket]
        if not lane.tickets:
            del self.lanes[ticket.client]
        return True

    def next(self, fits: Callable[[T], bool]) -> Ticket[T] | None:
        """The ticket whose turn it is, charged to its client; None if none fits."""
        idle = 0
        while idle < len(self.lanes):
            client, lane = next(iter(self.lanes.items()))
            self.lanes.move_to_end(client)
            ticket = lane.first(fits)
            if ticket is None:
                idle += 1
                continue
            idle = 0
            if lane.credit < ticket.cost:
                lane.credit += QUANTUM
            if lane.credit >= ticket.cost:
                lane.credit -= ticket.cost
                return ticket
        return None


class FairQueue(Generic[T]):
    """Bounded in count and bytes. Interactive work goes first, batch work never starves."""

    def __init__(self, max_count: int, max_bytes: int) -> None:
        self.bound(max_count, max_bytes)
        self._interactive: _Class[T] = _Class()
        self._batch: _Class[T] = _Class()
        self._since_batch = self._since_batch_before = 0
        self._arrivals = self._count = self.bytes = 0

    def __len__(self) -> int:
        return self._count

    def bound(self, max_count: int, max_bytes: int) -> None:
        """Take no more than this from now on; who is in the queue stays."""
        self._max_count = max_count
        self._max_bytes = max_bytes

    def __iter__(self) -> Iterator[Ticket[T]]:
        """Every ticket, client by client."""
        for lanes in (self._interactive.lanes, self._batch.lanes):
            for lane in lanes.values():
                yield from lane.tickets

    def push(self, ticket: Ticket[T]) -> bool:
        """Join the queue, or be told that it is full. An empty queue takes any size."""
        full = self._count >= self._max_count or self.bytes + ticket.size > self._max_bytes
        if full and self._count:
            return False
        self._arrivals += 1
        ticket.arrival = self._arrivals
        self._class_of(ticket).push(ticket)
        self._count += 1
        self.bytes += ticket.size
        return True

    def pop(self, fits: Callable[[T], bool] = lambda _: True) -> Ticket[T] | None:
        """Take the ticket whose turn it is among those that fit; None if there is none."""
        first, second = self._interactive, self._batch
        if self._since_batch >= BATCH_EVERY - 1:
            first, second = second, first
        ticket = first.next(fits) or second.next(fits)
        if ticket is None:
            return None
        self.remove(ticket)
        self._since_batch_before = self._since_batch
        waiting = bool(self._batch.lanes) and not ticket.batch
        self._since_batch = self._since_batch + 1 if waiting else 0
        return ticket

    def put_back(self, ticket: Ticket[T]) -> None:
        """Undo the latest `pop`: the ticket has its old place, and its client its turn."""
        self._class_of(ticket).put_back(ticket)
        self._count += 1
        self.bytes += ticket.size
        self._since_batch = self._since_batch_before

    def remove(self, ticket: Ticket[T]) -> bool:
        """Leave the queue; False if it was not in it."""
        if not self._class_of(ticket).remove(ticket):
            return False
        self._count -= 1
        self.bytes -= ticket.size
        return True

    def _class_of(self, ticket: Ticket[T]) -> _Class[T]:
        return self._batch if ticket.batch else self._interactive

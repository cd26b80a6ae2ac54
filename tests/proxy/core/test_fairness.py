from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.fairness import BATCH_EVERY, DEAREST, QUANTUM, FairQueue, Ticket


@pytest.fixture
def queue():
    return FairQueue(max_count=1000, max_bytes=1 << 40)


def push(queue, client, *items, size=0, batch=False):
    tickets = [Ticket(item, client, size, batch) for item in items]
    assert all(queue.push(ticket) for ticket in tickets)
    return tickets


def drained(queue):
    return [ticket.item for ticket in iter(queue.pop, None)]


def test_one_client_is_served_in_the_order_it_came(queue):
    push(queue, "a", *range(5))

    assert drained(queue) == [0, 1, 2, 3, 4]


def test_a_flood_of_one_client_does_not_hold_up_another(queue):
    push(queue, "flood", *(["f"] * 100))
    push(queue, "b", "b1", "b2")

    assert drained(queue)[:4] == ["f", "b1", "f", "b2"]


def test_a_client_pays_for_the_bytes_it_sends(queue):
    push(queue, "big", *(["big"] * 50), size=4 * QUANTUM)
    push(queue, "small", *(["small"] * 50), size=100)
    counts = Counter(queue.pop().item for _ in range(50))

    assert counts["small"] == pytest.approx(40, abs=2)


def test_no_request_costs_more_turns_than_the_dearest(queue):
    push(queue, "huge", "huge", size=1 << 30)
    push(queue, "small", *(["small"] * 50))
    order = drained(queue)

    assert order.index("huge") <= DEAREST // QUANTUM


def test_batch_work_waits_behind_interactive_work_but_never_starves(queue):
    push(queue, "a", *(["fast"] * 40))
    push(queue, "a", *(["slow"] * 4), batch=True)
    order = drained(queue)
    turns = [place for place, item in enumerate(order) if item == "slow"]

    assert turns[0] == BATCH_EVERY - 1
    assert all(later - earlier == BATCH_EVERY for earlier, later in pairwise(turns))


def test_batch_work_does_not_save_up_turns(queue):
    push(queue, "a", *(["fast"] * 20))
    for _ in range(15):
        queue.pop()
    push(queue, "b", "slow", batch=True)

    assert queue.pop().item == "fast"


def test_a_ticket_leaves_from_anywhere_and_only_once(queue):
    first, middle, last = push(queue, "a", 1, 2, 3, size=10)

    assert queue.remove(middle)
    assert not queue.remove(middle)
    assert (len(queue), queue.bytes) == (2, 20)
    assert [queue.pop(), queue.pop(), queue.pop()] == [first, last, None]
    assert not queue.remove(first)


def test_only_what_fits_is_served_and_the_rest_keeps_its_place(queue):
    push(queue, "a", 1, 2, 3, 4)
    push(queue, "b", 5)

    assert queue.pop(lambda item: item in {2, 4}).item == 2
    assert queue.pop(lambda item: item > 9) is None
    assert drained(queue) == [5, 1, 3, 4]


def test_a_ticket_that_is_put_back_has_its_old_place(queue):
    push(queue, "a", 1, 2, 3)
    push(queue, "b", 4, 5, 6)
    push(queue, "c", 7, batch=True)
    ticket = queue.pop(lambda item: item == 2)
    queue.put_back(ticket)

    assert len(queue) == 7
    assert drained(queue) == [1, 4, 2, 5, 3, 6, 7]


def test_a_turn_of_batch_work_stands_when_it_is_put_back(queue):
    push(queue, "a", *(["fast"] * 20))
    push(queue, "b", "slow", batch=True)
    for _ in range(BATCH_EVERY - 1):
        queue.pop()
    slow = queue.pop()
    queue.put_back(slow)

    assert slow.item == "slow"
    assert queue.pop() is slow


def test_the_queue_is_bounded_in_count_and_in_bytes():
    queue = FairQueue(max_count=2, max_bytes=100)

    assert queue.push(Ticket(1, "a", size=60))
    assert not queue.push(Ticket(2, "b", size=60))
    assert queue.push(Ticket(3, "b", size=40))
    assert not queue.push(Ticket(4, "c"))
    queue.pop()
    assert queue.push(Ticket(4, "c"))


def test_a_request_larger_than_the_queue_may_still_wait_alone():
    queue = FairQueue(max_count=2, max_bytes=100)

    assert queue.push(Ticket(1, "a", size=1000))
    assert not queue.push(Ticket(2, "a", size=1))


def test_all_who_wait_can_be_looked_at(queue):
    tickets = {*push(queue, "a", 1, 2), *push(queue, "b", 3), *push(queue, "a", 4, batch=True)}

    assert set(queue) == tickets


class Model:
    """A queue beside the plain list of who should be waiting in it."""

    def __init__(self):
        self.queue = FairQueue(max_count=20, max_bytes=80 * QUANTUM)
        self.waiting = []
        self.serial = 0

    def push(self, client, size, batch):
        self.serial += 1
        ticket = Ticket(self.serial, client, size, batch)
        if self.queue.push(ticket):
            self.waiting.append(ticket)

    def remove(self, _, size, __):
        if self.waiting:
            assert self.queue.remove(self.waiting.pop(size % len(self.waiting)))

    def put_back(self, *_):
        if (ticket := self.queue.pop()) is not None:
            self.queue.put_back(ticket)

    def pop(self, *_):
        ticket = self.queue.pop()
        assert (ticket is None) is not bool(self.waiting)
        if ticket is not None:
            own = (t for t in self.waiting if (t.client, t.batch) == (ticket.client, ticket.batch))
            assert ticket is next(own)
            self.waiting.remove(ticket)

    def pop_some(self, *_):
        ticket = self.queue.pop(lambda item: item % 2 == 0)
        assert (ticket is None) is all(t.item % 2 for t in self.waiting)
        if ticket is not None:
            self.waiting.remove(ticket)


steps = st.tuples(
    st.sampled_from(
        [
            Model.push,
            Model.push,
            Model.push,
            Model.pop,
            Model.pop_some,
            Model.remove,
            Model.put_back,
        ]
    ),
    st.sampled_from("abc"),
    st.integers(0, 10 * QUANTUM),
    st.booleans(),
)


@given(st.lists(steps, max_size=60))
def test_nothing_is_lost_doubled_or_out_of_order(steps):
    model = Model()
    for step, client, size, batch in steps:
        step(model, client, size, batch)

        assert set(model.queue) == set(model.waiting)
        assert len(model.queue) == len(model.waiting) <= 20
        assert model.queue.bytes == sum(ticket.size for ticket in model.waiting)

    assert len(drained(model.queue)) == len(model.waiting)

import asyncio

import pytest

from proxy.core.bill import Entry
from proxy.core.instants import DAY
from proxy.core.quota import Admitted, Allowance, ClientLimits, Limit, Refused
from proxy.core.usage import Spending, Usage
from tests.proxy.ledger.factories import DAYS, FACTORIES, becomes
from tests.proxy.store.factories import START

TODAY = int(START // DAY)
PACED = ClientLimits(requests_per_minute=60, burst=3)
NARROW = ClientLimits(concurrency=2)
BUDGET = ClientLimits(tokens_per_day=100)


@pytest.fixture(params=FACTORIES)
async def bench(request):
    async with FACTORIES[request.param]() as bench:
        yield bench


@pytest.fixture
def ledger(bench):
    return bench.ledger


@pytest.fixture
def clock(bench):
    return bench.clock


def spending(tokens=10, *, client="alice", account="a", family="opus"):
    return Spending(client, account, family, Usage(tokens))


async def used(ledger, first=TODAY, last=TODAY, *, answers=1):
    """What was used, once so many answers have arrived."""

    async def arrived():
        return sum(entry.requests for entry in await ledger.usage(first, last))

    await becomes(arrived, answers)
    return sorted(await ledger.usage(first, last), key=lambda e: (e.day, e.client, e.family))


async def test_requests_are_admitted_at_their_pace(ledger, clock):
    found = [await ledger.admit(f"r{n}", "alice", PACED) for n in range(5)]

    left = [one.allowances[0].left for one in found]
    assert left == [2, 1, 0, 0, 0]
    assert found[3] == Refused(Limit.REQUESTS, 1, (Allowance(Limit.REQUESTS, 60, 0, 3),))
    clock.advance(1)
    assert isinstance(await ledger.admit("r5", "alice", PACED), Admitted)
    assert isinstance(await ledger.admit("r6", "alice", PACED), Refused)


async def test_so_many_run_at_once_and_are_given_back(ledger):
    first, second, third = [await ledger.admit(f"r{n}", "alice", NARROW) for n in range(3)]

    assert (first.allowances[0].left, second.allowances[0].left) == (1, 0)
    assert (third.limit, third.retry_after) == (Limit.CONCURRENCY, 1)
    ledger.release("r0", "alice")
    assert isinstance(await ledger.admit("r3", "alice", NARROW), Admitted)


async def test_admitting_twice_by_one_id_counts_once(ledger):
    both = ClientLimits(concurrency=2, requests_per_minute=60, burst=3)
    found = [await ledger.admit("r", "alice", both) for _ in range(3)]

    assert found == [found[0]] * 3
    assert [each.left for each in found[0].allowances] == [2, 1]


async def test_releasing_twice_or_a_stranger_changes_nothing(ledger):
    for request in ("r0", "r1"):
        await ledger.admit(request, "alice", NARROW)
    for request in ("r0", "r0", "stranger"):
        ledger.release(request, "alice")

    (left,) = await ledger.standing("alice", NARROW)
    assert left.left == 1


async def test_a_refusal_counts_nothing(ledger, clock):
    both = ClientLimits(concurrency=5, requests_per_minute=60, burst=1)
    found = [await ledger.admit(f"r{n}", "alice", both) for n in range(9)]

    assert [isinstance(one, Admitted) for one in found] == [True] + [False] * 8
    clock.advance(1)
    assert isinstance(await ledger.admit("again", "alice", both), Admitted)
    (_, concurrency) = await ledger.standing("alice", both)
    assert concurrency.left == 3


async def test_a_crowd_of_one_moment_is_counted_exactly(ledger):
    limits = ClientLimits(concurrency=7, requests_per_minute=600)
    found = await asyncio.gather(*(ledger.admit(f"r{n}", "alice", limits) for n in range(100)))

    assert sum(isinstance(one, Admitted) for one in found) == 7


async def test_clients_do_not_share_what_they_used(ledger):
    for client in ("alice", "bob"):
        for n in range(2):
            assert isinstance(await ledger.admit(f"{client}{n}", client, NARROW), Admitted)


async def test_a_days_tokens_last_until_midnight(ledger, clock):
    ledger.spend(spending(60))
    await used(ledger)
    assert isinstance(await ledger.admit("r0", "alice", BUDGET), Admitted)
    ledger.spend(spending(50, account="b"))
    await used(ledger, answers=2)

    refused = await ledger.admit("r1", "alice", BUDGET)

    midnight = DAY - clock.now % DAY
    assert (refused.limit, refused.retry_after) == (Limit.TOKENS, midnight)
    assert isinstance(await ledger.admit("r2", "bob", BUDGET), Admitted)
    clock.advance(midnight)
    assert isinstance(await ledger.admit("r3", "alice", BUDGET), Admitted)


async def test_what_is_left_is_told_without_counting(ledger):
    limits = ClientLimits(2, 60, 100, burst=3)
    before = await ledger.standing("alice", limits)
    await ledger.admit("r", "alice", limits)

    assert [each.left for each in before] == [3, 2, 100]
    assert [each.left for each in await ledger.standing("alice", limits)] == [2, 1, 100]


async def test_usage_is_kept_by_day_client_account_and_family(ledger, clock):
    ledger.spend(Spending("alice", "a", "opus", Usage(1, 2, 3, 4)))
    ledger.spend(Spending("alice", "a", "opus", Usage(10, 20, 30, 40)))
    ledger.spend(spending(5, family="haiku"))
    await used(ledger, answers=3)
    clock.advance(DAY)
    ledger.spend(spending(0, client="bob", account="b-1.x_y"))

    assert await used(ledger, TODAY, TODAY + 1, answers=4) == [
        Entry(TODAY, "alice", "a", "haiku", 1, Usage(5)),
        Entry(TODAY, "alice", "a", "opus", 2, Usage(11, 22, 33, 44)),
        Entry(TODAY + 1, "bob", "b-1.x_y", "opus", 1, Usage()),
    ]
    assert len(await ledger.usage(TODAY, TODAY)) == 2
    assert await ledger.usage(TODAY - DAYS, TODAY - 1) == []

from collections import Counter

import pytest

from proxy.claims import Claims, PoolPolicy
from proxy.core.verdict import Kind, Scope, Verdict
from proxy.roster import Roster
from proxy.store.base import Placing, Standing
from proxy.store.memory import MemoryStore
from tests.proxy.pool_rig import OK, Events, a_call, accounts


class Counting(MemoryStore):
    """Notes among how many candidates each claim chose."""

    def __init__(self):
        super().__init__()
        self.choices = []

    async def claim(self, wish):
        self.choices.append(len(wish.candidates))
        return await super().claim(wish)


@pytest.fixture
def store():
    return Counting()


@pytest.fixture
async def claims(store):
    return Claims(store, Roster(accounts("a", "b", "c")), PoolPolicy(), Events())


async def serve(claims, call, verdict=OK):
    slot = await claims.take(call, ())
    claims.settle(slot, verdict)
    return slot


async def test_a_bound_session_costs_no_ranking(claims, store):
    for _ in range(4):
        await serve(claims, a_call("s"))

    assert store.choices == [3, 1, 1, 1]


async def test_every_attempt_has_an_id_of_its_own(claims):
    ids = {(await serve(claims, a_call("s"))).id for _ in range(100)}

    assert len(ids) == 100


async def test_of_two_replicas_no_two_attempts_share_an_id(store):
    both = [Claims(store, Roster(accounts("a")), PoolPolicy(), Events()) for _ in range(2)]

    assert len({(await serve(one, a_call())).id for one in both}) == 2


async def test_a_pause_grows_with_failures_that_follow_each_other(claims, store):
    name = (await serve(claims, a_call("s"))).account
    pauses = []
    for _ in range(3):
        slot = await claims.take(a_call("s"), ())
        began = claims.now()
        claims.settle(slot, Verdict(Kind.BURST, Scope.ACCOUNT))
        pauses.append(round(store.gates[name].rests["*"].until - began))
        await store.wake(name, "*")

    assert pauses == [5, 10, 20]


async def test_only_an_account_that_recovers_is_told_that_it_serves(claims, store):
    trusted = await claims.take(a_call("s"), ())
    claims.prove(trusted)
    claims.settle(trusted, Verdict(Kind.BURST, Scope.ACCOUNT))
    await store.wake(trusted.account, "*")

    canary = await claims.take(a_call("s"), ())
    claims.prove(canary)
    second = await claims.take(a_call("s"), ())

    assert [slot.standing for slot in (trusted, canary, second)] == [
        Standing.TRUSTED,
        Standing.CANARY,
        Standing.RISING,
    ]


def subagent(number, parent="s"):
    return a_call(f"{parent}/{number}", parent=parent)


async def test_a_subagent_begins_where_its_session_is_and_stays_there(claims):
    homes = [(await serve(claims, a_call(f"s{n}"))).account for n in range(20)]

    begun = [(await serve(claims, subagent(1, f"s{n}"))).account for n in range(20)]
    again = [await serve(claims, subagent(1, f"s{n}")) for n in range(20)]

    assert begun == homes == [slot.account for slot in again]
    assert {slot.placing for slot in again} == {Placing.HIT}


async def test_subagents_spread_where_they_would_flood_their_sessions_account(claims):
    await serve(claims, a_call("s"))
    slots = [await claims.take(subagent(number), ()) for number in range(12)]

    assert max(Counter(slot.account for slot in slots).values()) <= 5


async def test_where_a_session_is_not_known_its_subagents_begin_where_it_would(store, claims):
    slot = await serve(claims, subagent(1))

    assert (await serve(claims, a_call("s"))).account == slot.account

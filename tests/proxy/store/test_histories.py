"""Random histories of every store, beside a model so plain that it can be believed."""

import asyncio
import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from proxy.core.account import ANY_MODEL, AccountState
from proxy.core.cooldown import Cooldown, Reason
from proxy.store.base import Candidate, Placing, Reach, Refusal, Slot, Wish
from tests.proxy.store.factories import memory, replicas, shared
from tests.proxy.store.wishes import GONE, OK, OPUS, A, B, C, quota, wish

ROOM = {A: 1, B: 2, C: 4}
LEASE = 45
FARTHEST = 60
"""Longer than any lease and any rest."""

accounts = st.sampled_from([A, B, C])
sessions = st.sampled_from([None, "s", "t", "u"])
orders = st.permutations([A, B, C]).flatmap(
    lambda order: st.integers(0, 3).map(lambda size: tuple(order[:size]))
)
seconds = st.sampled_from([0.5, 1, 5, 20, 50])


class History(RuleBasedStateMachine):
    """Claims, ends, rests and the passing of time, in any order."""

    slots = Bundle("slots")
    ended = Bundle("ended")
    factory = None

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.opened = self.factory()
        self.bench = self.run(self.opened.__aenter__())
        self.clock = self.bench.clock
        self.turns = itertools.cycle(self.bench.stores or (self.bench.store,))
        self.live, self.bound, self.rests, self.unproven = {}, {}, {}, set()
        self.ids = itertools.count()

    @property
    def store(self):
        """The store of the replica whose turn it is."""
        return next(self.turns)

    def new_id(self):
        return f"h{next(self.ids)}"

    def run(self, coroutine):
        return self.runner.run(coroutine)

    def settle(self, slot, settlement):
        """Tell of an end, and wait until the store has heard it."""

        async def told(store):
            store.settle(slot, settlement)
            await store.snapshot()

        self.run(told(self.store))

    def teardown(self):
        """Whatever happened, when all has run out every account serves again."""
        self.clock.advance(FARTHEST)
        for account in ROOM:
            assert isinstance(self.run(self.store.claim(wish(None, [account]))), Slot)
        self.run(self.opened.__aexit__(None, None, None))
        self.runner.close()

    def out(self, account, since=0.0):
        return sum(
            slot.account == account and slot.granted_at >= since and expires > self.clock.now
            for slot, expires in self.live.values()
        )

    def rests_now(self, account):
        until, reason = self.rests.get(account, (0.0, None))
        return reason if until > self.clock.now else None

    def free(self, account):
        """Whether nothing speaks against one request more, not even a rest of long ago."""
        return account not in self.rests and self.out(account) < ROOM[account]

    def rest_in_model(self, account, until, reason):
        if until > self.rests.get(account, (0.0, None))[0]:
            self.rests[account] = until, reason
            self.unproven.add(account)

    @rule(
        target=slots,
        session=sessions,
        order=orders,
        tried=st.sets(accounts, max_size=1),
        reach=st.sampled_from([Reach.HOLD, Reach.SPILL]),
    )
    def claim(self, session, order, tried, reach):
        among = tuple(Candidate(name, ROOM[name], tried=name in tried) for name in order)
        found = self.run(self.store.claim(Wish(self.new_id(), session, OPUS, among, reach)))
        allowed = [name for name in order if name not in tried]
        own = self.bound.get(session)
        if isinstance(found, Refusal):
            waits = reach is Reach.HOLD and own in allowed
            assert not any(self.free(name) for name in ([own] if waits else allowed))
            return multiple()
        self.check_grant(found, own, order, allowed)
        self.live[found.id] = found, self.clock.now + LEASE
        return found

    def check_grant(self, slot, own, order, allowed):
        account = slot.account
        assert account in allowed
        assert not self.rests_now(account)
        assert self.out(account) < ROOM[account]
        if account in self.unproven:
            assert self.out(account, since=self.rests[account][0]) == 0
        assert (slot.own, slot.granted_at) == (own, self.clock.now)
        self.check_placing(slot, own, order, allowed)

    def check_placing(self, slot, own, order, allowed):
        gone = own not in order or self.rests_now(own) is Reason.QUOTA
        match slot.placing:
            case Placing.UNBOUND:
                assert slot.session is None
            case Placing.FIRST:
                assert own is None
                self.bound[slot.session] = slot.account
            case Placing.HIT:
                assert slot.account == own
            case Placing.SPILLED:
                assert not gone
                assert own not in allowed or not self.free(own)
            case Placing.MOVED:
                assert gone

    def end(self, slot):
        """Take a slot out of the model; True if its lease still lasted."""
        _, expires = self.live.pop(slot.id)
        return expires > self.clock.now

    @rule(target=ended, slot=consumes(slots))
    def serve(self, slot):
        self.settle(slot, OK)
        if not self.end(slot):
            return slot
        if slot.granted_at >= self.rests.get(slot.account, (0.0, None))[0]:
            self.unproven.discard(slot.account)
        if slot.placing is Placing.MOVED and self.bound.get(slot.session) == slot.own:
            self.bound[slot.session] = slot.account
        return slot

    @rule(target=ended, slot=consumes(slots))
    def leave(self, slot):
        self.settle(slot, GONE)
        self.end(slot)
        return slot

    @rule(target=ended, slot=consumes(slots), rest=seconds)
    def exhaust(self, slot, rest):
        until = self.clock.now + rest
        self.settle(slot, quota(until))
        if self.end(slot):
            self.rest_in_model(slot.account, until, Reason.QUOTA)
        return slot

    @rule(slot=ended, rest=seconds)
    def settle_again(self, slot, rest):
        self.settle(slot, quota(self.clock.now + rest))
        self.settle(slot, OK)

    @rule(slot=slots)
    def renew(self, slot):
        self.run(self.store.renew([slot]))
        self.live[slot.id] = slot, self.clock.now + LEASE

    @rule(account=accounts, rest=seconds, reason=st.sampled_from([Reason.QUOTA, Reason.BURST]))
    def rest(self, account, rest, reason):
        until = self.clock.now + rest
        self.run(self.store.rest(account, ANY_MODEL, Cooldown(until, reason)))
        self.rest_in_model(account, until, reason)

    @rule(account=accounts)
    def wake(self, account):
        self.run(self.store.wake(account, ANY_MODEL))
        if self.rests_now(account):
            self.rests[account] = self.clock.now, None

    @rule(step=seconds)
    def wait(self, step):
        self.clock.advance(step)

    @invariant()
    def slots_and_cooldowns_are_those_of_the_model(self):
        seen = self.run(self.store.snapshot()).accounts
        for account in ROOM:
            state = seen.get(account, AccountState())
            assert state.in_flight == self.out(account)
            cooldown = state.cooldown(OPUS, self.clock.now)
            assert (cooldown and cooldown.reason) == self.rests_now(account)
            assert cooldown is None or cooldown.until == self.rests[account][0]

    @invariant()
    def no_binding_is_stolen(self):
        for session, account in self.bound.items():
            only = (Candidate(account, ROOM[account]),)
            found = self.run(self.store.claim(Wish(self.new_id(), session, OPUS, only, Reach.OWN)))
            if isinstance(found, Slot):
                self.settle(found, GONE)
            assert found.own == account or self.rests_now(account) is Reason.QUOTA


@pytest.mark.parametrize(
    ("factory", "examples"),
    [
        pytest.param(memory, 100, id="memory"),
        pytest.param(shared, 30, id="redis"),
        pytest.param(replicas, 40, id="two replicas"),
    ],
)
def test_no_history_loses_a_slot_steals_a_binding_or_sticks_an_account(factory, examples):
    machine = type("Machine", (History,), {"factory": staticmethod(factory)})

    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
    )

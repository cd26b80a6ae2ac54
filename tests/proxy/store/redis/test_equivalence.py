"""The rules are written twice, in Python and in Lua. Whatever happens, they agree."""

import itertools
import random

import pytest

from proxy.core.account import ANY_MODEL, AccountState
from proxy.core.cooldown import Cooldown, Reason
from proxy.store.base import Candidate, Pressure, Reach, Settlement, Slot, Wish
from proxy.store.memory import MemoryStore
from tests.proxy.store.factories import POLICY, Clock, on_redis
from tests.proxy.store.wishes import GONE, HAIKU, OK, OPUS, A, B, C, burst, model_limit, quota

STEPS = 500
RECENT = 12
"""Of so many slots that were granted last, one is settled, proved or renewed."""


class Both:
    """Does everything twice, and compares what can be seen of it."""

    def __init__(self, seed, clock, shared):
        self.clock = clock
        self.stores = MemoryStore(POLICY, clock), shared
        self.slots = []
        self.ids = itertools.count()
        self.random = random.Random(seed)  # noqa: S311 - a history that can be had again
        self.steps = {
            self.claim: 45,
            self.settle: 30,
            self.prove: 8,
            self.renew: 3,
            self.rest: 2,
            self.wake: 4,
            self.wait: 12,
        }

    async def step(self):
        """Anything, and see whether they agree on the outcome."""
        (step,) = self.random.choices(list(self.steps), self.steps.values())
        await step()
        ours, theirs = await self.each(lambda store: store.snapshot())
        for name, state in ours.accounts.items():
            assert theirs.accounts.get(name, AccountState(limit=state.limit)) == state

    async def each(self, do):
        return [await do(store) for store in self.stores]

    def one_of(self, *values):
        return self.random.choice(values)

    def candidate(self, name):
        tried = self.random.random() < 0.1
        return Candidate(name, self.one_of(1, 3, 3, 3, 8), tried, self.one_of(0.3, 1.0, 1.0))

    async def claim(self):
        names = self.random.sample([A, B, C], self.one_of(1, 2, 3, 3, 3))
        wish = Wish(
            f"id{next(self.ids)}",
            self.one_of(None, "s", "t", "u"),
            self.one_of(OPUS, OPUS, HAIKU),
            tuple(self.candidate(name) for name in names),
            self.one_of(*Reach),
        )
        ours, theirs = await self.each(lambda store: store.claim(wish))
        assert ours == theirs
        if isinstance(ours, Slot):
            self.slots.append(ours)

    def ending(self):
        until = self.clock.now + self.one_of(1, 5, 60)
        return self.one_of(
            *(OK, OK, OK, OK, GONE, burst(until), quota(until)),
            model_limit(until, self.one_of(OPUS, HAIKU)),
            Settlement(failed=True),
            Settlement(pressure=Pressure.BURST, failed=True),
            Settlement(Cooldown(until, Reason.FAILING), ANY_MODEL, failed=True),
        )

    async def settle(self):
        slot, ending = self.one_of(*self.slots[-RECENT:], None), self.ending()
        for store in self.stores:
            if slot is not None:
                store.settle(slot, ending)

    async def prove(self):
        for slot in self.slots[-self.one_of(1, 4) :]:
            for store in self.stores:
                store.prove(slot)

    async def renew(self):
        renewed = self.slots[-self.one_of(1, 3, RECENT) :]
        await self.each(lambda store: store.renew(renewed))

    async def rest(self):
        account, scope = self.one_of(A, B, C), self.one_of(ANY_MODEL, OPUS, HAIKU)
        reason = self.one_of(Reason.QUOTA, Reason.BURST, Reason.AUTH)
        cooldown = Cooldown(self.clock.now + self.one_of(1, 20), reason)
        await self.each(lambda store: store.rest(account, scope, cooldown))

    async def wake(self):
        account, scope = self.one_of(A, B, C), self.one_of(ANY_MODEL, ANY_MODEL, OPUS)
        reason = self.one_of(None, None, Reason.QUOTA)
        await self.each(lambda store: store.wake(account, scope, reason))

    async def wait(self):
        self.clock.advance(self.one_of(0.5, 1, 1, 5, 20, 50))


@pytest.mark.parametrize("seed", range(6))
async def test_both_do_the_same_whatever_happens(seed):
    clock = Clock()
    async with on_redis(1, clock) as (shared,):
        both = Both(seed, clock, shared)
        for _ in range(STEPS):
            await both.step()

"""The provider of the simulation: accounts with caches, windows, and limits that nobody tells of.

Costs are in input tokens: what is written to a cache costs 1.25 of them, what is read from it a
tenth, an output token five.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bench.virtual import wall
from proxy.core.account import AccountName
from proxy.core.limits import FIVE_HOURS, SEVEN_DAYS, UNIFIED

CACHE_LIFE: Final = 300.0
WRITE, READ, OUTPUT = 1.25, 0.1, 5.0

FIRST_TOKEN, READS, WRITES = 1.0, 5_000.0, 60.0
"""Seconds to the first token; tokens a second that are read anew, and written."""

CONCURRENCY: Final = 8
"""What the operator believes that every account bears."""

FULL_EVERY, FULL_FOR, FULL = 3_600.0, 60.0, 0.3
"""Every hour the provider is full for a minute, and refuses so many requests."""

BROKEN: Final = 0.001
"""How many requests never reach the provider."""


class Turn(NamedTuple):
    """One request: its session, the tokens of its context and those that are new in it."""

    session: str
    known: int
    new: int
    output: int


class Answer(NamedTuple):
    """What the provider says; the tokens it found in its cache, and what all cost."""

    status: int
    headers: Mapping[str, str]
    cached: int = 0
    cost: float = 0.0


@dataclass(slots=True)
class Quota:
    """A window that begins with its first request and ends a fixed time later."""

    short: str
    length: float
    budget: float
    used: float = 0.0
    resets_at: float = 0.0

    def spend(self, cost: float, now: float) -> None:
        self.roll(now)
        self.used += cost

    def roll(self, now: float) -> None:
        if now >= self.resets_at:
            self.used, self.resets_at = 0.0, now + self.length

    def headers(self, now: float) -> Iterable[tuple[str, str]]:
        self.roll(now)
        prefix = f"{UNIFIED}{self.short}-"
        yield prefix + "status", "rejected" if self.used >= self.budget else "allowed"
        yield prefix + "utilization", f"{self.used / self.budget:.4f}"
        yield prefix + "reset", f"{self.resets_at:.0f}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an account of this size bears: units of quota, requests at once, and in a burst.

    A burst's allowance fills again by `refill` requests a second.
    """

    units: float
    at_once: int
    burst: int
    refill: float


SMALL, MEDIUM, LARGE = Plan(1, 3, 6, 0.25), Plan(2, 4, 8, 0.4), Plan(4, 6, 12, 0.8)
NEARLY_SPENT: Final = 2
UNIT: Final = 15e6
"""What an account of one unit may spend in five hours."""

PLANS: Final = (SMALL, SMALL, MEDIUM, MEDIUM, LARGE, LARGE)


@dataclass(slots=True)
class Login:
    """One account as the provider sees it."""

    plan: Plan
    quotas: tuple[Quota, ...]
    allowance: float
    at_once: int = 0
    refilled_at: float = 0.0
    warm: dict[str, tuple[float, int]] = field(default_factory=dict)
    spent: float = 0.0
    bursts: int = 0

    def refusal(self, now: float) -> Answer | None:
        """Why it would not serve one request more."""
        for quota in self.quotas:
            quota.roll(now)
        windows = dict(pair for quota in self.quotas for pair in quota.headers(now))
        if any(quota.used >= quota.budget for quota in self.quotas):
            return Answer(429, windows)
        waited = now - self.refilled_at
        self.allowance = min(self.plan.burst, self.allowance + waited * self.plan.refill)
        self.refilled_at = now
        if self.at_once >= self.plan.at_once:
            return self._burst(windows)
        if self.allowance < 1:
            wait = (1 - self.allowance) / self.plan.refill
            return self._burst(windows | {"retry-after": f"{wait:.1f}"})
        self.allowance -= 1
        return None

    def _burst(self, headers: Mapping[str, str]) -> Answer:
        self.bursts += 1
        return Answer(429, headers)

    async def serve(self, turn: Turn, answering: Callable[[], None]) -> Answer:
        """Take the time that the turn takes, and what it costs."""
        until, cached = self.warm.get(turn.session, (0.0, 0))
        cached = min(cached, turn.known) if wall() < until else 0
        fresh = turn.known + turn.new - cached
        cost = cached * READ + fresh * WRITE + turn.output * OUTPUT
        self.at_once += 1
        try:
            await asyncio.sleep(FIRST_TOKEN + fresh / READS)
            answering()
            await asyncio.sleep(turn.output / WRITES)
        finally:
            self.at_once -= 1
        self.warm[turn.session] = wall() + CACHE_LIFE, turn.known + turn.new + turn.output
        self.spent += cost
        for quota in self.quotas:
            quota.spend(cost, wall())
        windows = dict(pair for quota in self.quotas for pair in quota.headers(wall()))
        return Answer(200, windows, cached, cost)


class Provider:
    """All accounts, and what befalls them together."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"provider-{seed}")  # noqa: S311 - a simulation
        self.logins = {
            AccountName(f"account-{number}"): self._login(number, plan)
            for number, plan in enumerate(PLANS)
        }

    async def ask(
        self, account: AccountName, turn: Turn, answering: Callable[[], None]
    ) -> Answer | None:
        """Send a request; None where it never arrives."""
        luck = self._random.random()
        if luck < BROKEN:
            return None
        if wall() % FULL_EVERY < FULL_FOR and luck < FULL:
            return Answer(529, {})
        login = self.logins[account]
        return login.refusal(wall()) or await login.serve(turn, answering)

    def _login(self, number: int, plan: Plan) -> Login:
        """In mid-window, so that not all reset at once; the third has little left of its week."""
        now, gone = wall(), self._random.random()
        budget = plan.units * UNIT
        week = 8 * budget
        used = 0.9 if number == NEARLY_SPENT else 0.3 * self._random.random()
        left = 4 * 3_600.0 if number == NEARLY_SPENT else SEVEN_DAYS * self._random.random()
        five = Quota("5h", FIVE_HOURS, budget, 0.5 * gone * budget, now + (1 - gone) * FIVE_HOURS)
        seven = Quota("7d", SEVEN_DAYS, week, used * week, now + left)
        return Login(plan, (five, seven), plan.burst, refilled_at=now)

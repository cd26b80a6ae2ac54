"""One run: a fleet of replicas, a day's traffic, a provider with limits that nobody tells of."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from math import ceil
from typing import Final

import structlog

from bench import virtual
from bench.policy.peers import RULES, PeerLease, PeerPool
from bench.policy.score import Score
from bench.policy.traffic import Session, traffic
from bench.policy.world import CACHE_LIFE, CONCURRENCY, Answer, Login, Provider, Turn
from proxy.core.account import Account, AccountName, ModelFamily
from proxy.core.evidence import read_verdict
from proxy.core.limits import windows
from proxy.core.retry import RESTED, Attempts, RetryBudget, Step, pause
from proxy.core.verdict import Kind, Scope, Verdict
from proxy.errors import ProxyError
from proxy.pool import AccountPool, Call, Lease, PoolPolicy
from proxy.store.base import Listener
from proxy.store.memory import MemoryStore

OURS: Final = "headgate"
FAMILY: Final = ModelFamily("sonnet")
SPILL: Final = "spill"
UNREACHED: Final = Verdict(Kind.WORKER_ERROR, Scope.ACCOUNT, started=False)

KNOBS: Final = {
    "bound": ("proxy.core.ranking", "BOUND"),
    "bands": ("proxy.core.ranking", "BANDS"),
    "least": ("proxy.core.ranking", "LEAST_HEADROOM"),
    "tilt": ("proxy.core.ranking", "MOST_TILT"),
    "shrink": ("proxy.store.gate", "SHRINK"),
}
"""What can be tried out, and where its value stands; beside them `spill`, in seconds."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is run. `shared` replicas have one store, others each their share of every account."""

    policy: str
    load: float
    hours: float
    replicas: int = 1
    shared: bool = True
    seed: int = 1
    knobs: Mapping[str, float] = field(default_factory=dict)


class Silent:
    """Listens to a pool, and tells nobody."""

    def session_placed(self, placing: str) -> None: ...

    def account_rested(self, account: str, reason: str) -> None: ...

    def account_woken(self, account: str) -> None: ...

    def queue_left(self, priority: str, end: str, seconds: float) -> None: ...


class IdealStore(MemoryStore):
    """One store for several replicas: all hear of everything in the same instant."""

    def __init__(self) -> None:
        super().__init__(clock=virtual.wall)
        self.listeners: list[Listener] = []

    def watch(self, listener: Listener) -> None:
        self.listeners.append(listener)
        super().watch(_Chorus(self.listeners))


@dataclass(slots=True)
class _Chorus:
    listeners: Sequence[Listener]

    def account_freed(self, account: AccountName) -> None:
        for listener in self.listeners:
            listener.account_freed(account)

    def account_rested(self, account: AccountName, reason: object) -> None:
        for listener in self.listeners:
            listener.account_rested(account, reason)

    def account_woken(self, account: AccountName) -> None:
        for listener in self.listeners:
            listener.account_woken(account)


class FailedError(Exception):
    """The client was told of a failure."""


@dataclass(slots=True)
class Desk:
    """One replica: the gateway's loop over attempts, without its wires."""

    pool: AccountPool | PeerPool
    provider: Provider
    budget: RetryBudget = field(default_factory=RetryBudget)

    async def serve(self, call: Call, turn: Turn) -> tuple[AccountName, Answer, float]:
        """The account that served, its answer, and when that was begun."""
        self.budget.earn(virtual.wall())
        attempts, tried = Attempts(), set[AccountName]()
        while True:
            async with self.pool.lease(call, tried) as lease:
                began = virtual.wall()
                answer, step = await self._stay(lease, turn, attempts)
            name = lease.account.name
            if answer is not None and answer.status == OK:
                return name, answer, began
            if step is not Step.ELSEWHERE:
                raise FailedError
            if lease.verdict.kind not in RESTED:
                tried.add(name)

    async def _stay(
        self, lease: Lease | PeerLease, turn: Turn, attempts: Attempts
    ) -> tuple[Answer | None, Step]:
        while True:
            answer = await self.provider.ask(lease.account.name, turn, lease.answering)
            lease.verdict = UNREACHED
            if answer is not None:
                now = virtual.wall()
                lease.verdict = read_verdict(answer.status, answer.headers, b"", now)
                lease.windows = windows(answer.headers, now)
            step = attempts.after(lease.verdict, self.budget)
            if step is not Step.AGAIN:
                return answer, step
            await asyncio.sleep(pause(attempts.same, random.random()))  # noqa: S311 (jitter)


OK: Final = 200


@dataclass(slots=True)
class Story:
    """The clients, who come to any replica."""

    desks: Sequence[Desk]
    score: Score = field(default_factory=Score)

    async def tell(self, sessions: Sequence[Session]) -> None:
        """Let all sessions begin in their time, and wait for their ends."""
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            for session in sessions:
                await asyncio.sleep(began + session.begins - asyncio.get_running_loop().time())
                tasks.create_task(self._live(session))

    async def _live(self, session: Session) -> None:
        draw = random.Random(session.name)  # noqa: S311 - a simulation
        home, warm_until = None, 0.0
        for think, turn in session.steps:
            await asyncio.sleep(think)
            named = None if session.batch else session.name
            call = Call("r", "team", named, FAMILY, patient=not session.batch)
            asked = virtual.wall()
            try:
                served = await draw.choice(self.desks).serve(call, turn)
            except (FailedError, ProxyError) as error:
                self.score.failed += 1
                await asyncio.sleep(min(MOST_PATIENCE, getattr(error, "retry_after", None) or 5))
                continue
            account, answer, began = served
            self._count(answer, began - asked, turn.known if asked < warm_until else 0)
            self.score.later += home is not None
            self.score.moves += home not in {None, account}
            home, warm_until = account, virtual.wall() + CACHE_LIFE

    def _count(self, answer: Answer, wait: float, warm: int) -> None:
        self.score.served += 1
        self.score.cost += answer.cost
        self.score.waits.append(wait)
        self.score.warm += warm
        self.score.cached += min(warm, answer.cached)


MOST_PATIENCE: Final = 300.0


def run(scenario: Scenario) -> tuple[float, ...]:
    """The figures of `score.COLUMNS`."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for knob in KNOBS.keys() & scenario.knobs.keys():
        module, name = KNOBS[knob]
        setattr(import_module(module), name, scenario.knobs[knob])
    random.seed(scenario.seed)
    return virtual.run(_run(scenario))


async def _run(scenario: Scenario) -> tuple[float, ...]:
    provider = Provider(scenario.seed)
    sessions = list(traffic(scenario.seed, scenario.load, 3_600 * scenario.hours))
    async with _pools(scenario, provider.logins) as pools:
        story = Story([Desk(pool, provider) for pool in pools])
        await story.tell(sessions)
    return story.score.row(list(provider.logins.values()))


@asynccontextmanager
async def _pools(
    scenario: Scenario, logins: Mapping[AccountName, Login]
) -> AsyncIterator[Sequence[AccountPool | PeerPool]]:
    share = 1 if scenario.shared else scenario.replicas
    accounts = [
        Account(name, "http://127.0.0.1", ceil(CONCURRENCY / share), login.plan.units)
        for name, login in logins.items()
    ]
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(pool) for pool in _made(scenario, accounts)]


def _made(scenario: Scenario, accounts: Sequence[Account]) -> Sequence[AccountPool | PeerPool]:
    many = range(scenario.replicas)
    if scenario.policy != OURS:
        return [PeerPool(accounts, RULES[scenario.policy]()) for _ in many]
    policy = PoolPolicy()
    policy = replace(policy, spill_after=scenario.knobs.get(SPILL, policy.spill_after))
    one = IdealStore()
    stores = [one if scenario.shared else IdealStore() for _ in many]
    return [AccountPool(store, accounts, policy, Silent()) for store in stores]

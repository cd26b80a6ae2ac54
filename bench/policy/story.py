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
from bench.policy.peers import RULES, PeerPool
from bench.policy.replica import Desk, FailedError, IdealStore, Silent
from bench.policy.score import Score
from bench.policy.traffic import Session, traffic
from bench.policy.world import CACHE_LIFE, CONCURRENCY, Answer, Login, Provider
from proxy.core.account import Account, AccountName, ModelFamily
from proxy.errors import ProxyError
from proxy.pool import AccountPool, Call, PoolPolicy

OURS: Final = "headgate"
FAMILY: Final = ModelFamily("sonnet")
SPILL: Final = "spill"

MOST_PATIENCE: Final = 300.0
"""Who was refused comes back for the next turn after so many seconds at most."""

KNOBS: Final = {
    "bound": ("proxy.core.ranking", "BOUND"),
    "bands": ("proxy.core.ranking", "BANDS"),
    "least": ("proxy.core.ranking", "LEAST_HEADROOM"),
    "tilt": ("proxy.core.ranking", "MOST_TILT"),
    "shrink": ("proxy.store.gate", "SHRINK"),
    "caution": ("proxy.store.gate", "CAUTION"),
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


def silence() -> None:
    """Let nothing but errors be logged in this process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def run(scenario: Scenario) -> tuple[float, ...]:
    """The figures of `score.COLUMNS`."""
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

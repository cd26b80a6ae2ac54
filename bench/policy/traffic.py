"""The traffic of the simulation: agents that work in turns, and batch jobs that ask once.

It is the same for every policy: each session draws from a generator of its own.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Final, NamedTuple

from bench.policy.world import CACHE_LIFE, OUTPUT, PLANS, READ, UNIT, WRITE, Turn
from proxy.core.limits import FIVE_HOURS

BATCH: Final = 0.3
"""How many of the sessions are a batch job's single request."""

TOOLS: Final = 0.85
"""How many of an agent's turns follow a tool; before the others somebody thinks."""

LONGEST: Final = 150_000
"""Tokens of context at which an agent begins anew."""

CROWD_EVERY, CROWD = 1_800.0, 8
"""Every half an hour so many agents begin in the same second."""


class Step(NamedTuple):
    """A turn, and how long its client thinks before it (seconds)."""

    think: float
    turn: Turn


@dataclass(frozen=True, slots=True)
class Session:
    """All that one client is going to ask. A batch job names no session."""

    name: str
    begins: float
    steps: Sequence[Step]

    @property
    def batch(self) -> bool:
        return len(self.steps) == 1

    @property
    def ideal(self) -> float:
        """What it costs where the cache is found whenever it can be."""
        return sum(_ideal(step) for step in self.steps)


def traffic(seed: int, load: float, seconds: float) -> Iterator[Session]:
    """Sessions in the order they begin, so many that the accounts' quotas are used to `load`."""
    draw = random.Random(f"arrivals-{seed}")  # noqa: S311 - a simulation
    every = _mean_cost() / (load * sum(plan.units for plan in PLANS) * UNIT)
    every = 1 / (1 / (every * FIVE_HOURS) - CROWD / CROWD_EVERY)
    begins, crowd = draw.expovariate(1 / every), CROWD_EVERY
    for number in count():
        if begins > seconds:
            return
        if begins >= crowd:
            for member in range(CROWD):
                yield _session(f"crowd-{seed}-{crowd}-{member}", crowd)
            crowd += CROWD_EVERY
        yield _session(f"{seed}-{number}", begins)
        begins += draw.expovariate(1 / every)


@cache
def _mean_cost() -> float:
    return sum(_session(f"sample-{number}", 0.0).ideal for number in range(2_000)) / 2_000


def _session(name: str, begins: float) -> Session:
    draw = random.Random(name)  # noqa: S311 - a simulation
    if draw.random() < BATCH:
        turn = Turn(name, 0, int(draw.expovariate(1 / 2_000)), int(draw.expovariate(1 / 800)))
        return Session(name, begins, (Step(0.0, turn),))
    return Session(name, begins, tuple(_steps(name, draw)))


def _steps(name: str, draw: random.Random) -> Iterator[Step]:
    known, new = 0, int(draw.lognormvariate(9.9, 0.4))
    think = 0.0
    for _ in range(2 + int(draw.expovariate(1 / 25))):
        output = 20 + int(draw.expovariate(1 / 600))
        yield Step(think, Turn(name, known, new, output))
        known, new = known + new + output, 100 + int(draw.expovariate(1 / 1_500))
        think = _think(draw)
        if known > LONGEST:
            return


def _think(draw: random.Random) -> float:
    """Mostly a tool that runs, now and then somebody who reads, or is at lunch."""
    if draw.random() < TOOLS:
        return draw.expovariate(1 / 4)
    return draw.lognormvariate(4, 1.2)


def _ideal(step: Step) -> float:
    turn = step.turn
    hit = turn.known and step.think < CACHE_LIFE
    known = turn.known * (READ if hit else WRITE)
    return known + turn.new * WRITE + turn.output * OUTPUT

"""What a run came to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.policy.world import Login

COLUMNS: Final = (
    "requests", "failed %", "bursts ‰", "cost k", "hits %", "moves %",
    "wait p50", "p95", "p99", "fairness",
)  # fmt: skip


@dataclass(slots=True)
class Score:
    """Counts of one run: requests, and tokens that a cache could have held and did hold."""

    served: int = 0
    failed: int = 0
    cost: float = 0.0
    warm: int = 0
    cached: int = 0
    later: int = 0
    moves: int = 0
    waits: list[float] = field(default_factory=list)

    def row(self, logins: Sequence[Login]) -> tuple[float, ...]:
        """The figures of `COLUMNS`."""
        asked = self.served + self.failed
        self.waits.sort()
        return (
            asked,
            100 * self.failed / asked,
            1_000 * sum(login.bursts for login in logins) / asked,
            self.cost / self.served / 1_000,
            100 * self.cached / max(1, self.warm),
            100 * self.moves / max(1, self.later),
            *(self._wait(part) for part in (0.5, 0.95, 0.99)),
            _fairness([login.spent / login.plan.units for login in logins]),
        )

    def _wait(self, part: float) -> float:
        return self.waits[int(part * (len(self.waits) - 1))]


def _fairness(uses: Sequence[float]) -> float:
    """Jain's index: one where every account is used in proportion to its size."""
    return sum(uses) ** 2 / (len(uses) * sum(use * use for use in uses))

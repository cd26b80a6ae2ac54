"""Whether a failed attempt is tried again, and where."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from proxy.core.verdict import CONSEQUENCES, Kind, Verdict

RESTED: Final = frozenset(
    {kind for kind, does in CONSEQUENCES.items() if does.moves} | {Kind.BURST}
)
"""The account rests after these, at once: no other request of ours will reach it before its time.

Going on elsewhere, or waiting for it, cannot multiply the load, and draws on no budget.
"""

MOST_MOVES: Final = 16
"""Accounts that one request may find resting before it is told so."""


class Step(Enum):
    """What follows an attempt."""

    ANSWER = auto()
    AGAIN = auto()
    ELSEWHERE = auto()


@dataclass(slots=True)
class RetryBudget:
    """Allows retries in proportion to requests: a tenth of them, and at least one a second.

    `now` is monotonic. A burst may spend what ten quiet seconds have earned.
    """

    ratio: float = 0.1
    floor: float = 1.0
    cap: float = 10.0
    balance: float = 10.0
    earned_at: float = 0.0

    def earn(self, now: float) -> None:
        """Count one request."""
        elapsed = max(0.0, now - self.earned_at)
        self.balance = min(self.cap, self.balance + elapsed * self.floor + self.ratio)
        self.earned_at = now

    def spend(self) -> bool:
        """Take one retry, if there is one."""
        if self.balance < 1:
            return False
        self.balance -= 1
        return True


@dataclass(slots=True)
class Attempts:
    """The failures of one request so far."""

    same: int = 0
    hops: int = 0
    moves: int = 0

    def after(self, verdict: Verdict, budget: RetryBudget) -> Step:
        """Decide what follows this verdict, and count it."""
        table = CONSEQUENCES[verdict.kind]
        if verdict.started:
            return Step.ANSWER
        if table.moves and self.moves < MOST_MOVES:
            self.moves += 1
            return Step.ELSEWHERE
        if self.same < table.same_again and budget.spend():
            self.same += 1
            return Step.AGAIN
        if self.hops < table.elsewhere and (verdict.kind in RESTED or budget.spend()):
            self.hops += 1
            return Step.ELSEWHERE
        return Step.ANSWER


def pause(same: int, fraction: float) -> float:
    """Seconds before the next try in place: full jitter (`fraction` of 0..1) over 1, 2, 4 s."""
    return fraction * min(4.0, 2.0 ** (same - 1))

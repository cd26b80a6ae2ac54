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
"""Accounts that one request may find limited before it is told so."""


class Step(Enum):
    """What follows an attempt. SPENT is an answer, too: the budget allows no other try."""

    ANSWER = auto()
    SPENT = auto()
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

    def adjust(self, ratio: float, floor: float) -> None:
        """Earn at this pace from now on."""
        self.ratio, self.floor = ratio, floor

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
        step = self._wanted(verdict)
        if step is Step.ANSWER or verdict.kind in RESTED or budget.spend():
            self._count(step, moved=CONSEQUENCES[verdict.kind].moves)
            return step
        return Step.SPENT

    def _wanted(self, verdict: Verdict) -> Step:
        table = CONSEQUENCES[verdict.kind]
        if verdict.started:
            return Step.ANSWER
        if table.moves:
            return Step.ELSEWHERE if self.moves < MOST_MOVES else Step.ANSWER
        if self.same < table.same_again:
            return Step.AGAIN
        return Step.ELSEWHERE if self.hops < table.elsewhere else Step.ANSWER

    def _count(self, step: Step, *, moved: bool) -> None:
        self.same += step is Step.AGAIN
        self.hops += step is Step.ELSEWHERE and not moved
        self.moves += step is Step.ELSEWHERE and moved


def pause(same: int, fraction: float) -> float:
    """Seconds before the next try in place: full jitter (`fraction` of 0..1) over 1, 2, 4 s."""
    return fraction * min(4.0, 2.0 ** (same - 1))

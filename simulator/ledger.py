"""What is left of a plan. Arithmetic only: the time is always an argument."""

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Literal

from simulator.plans import Plan, Standing


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request may not run. `retry_after` is seconds; None: the provider does not say."""

    reason: Literal["window", "burst", "concurrency"]
    retry_after: float | None


@dataclass(slots=True)
class _Meter:
    opened_at: float
    used: float


class Ledger:
    """The running account of one plan. Every method takes the instant at which it is asked."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.in_flight = 0
        self._meters: dict[str, _Meter] = {}
        self._arrivals: deque[float] = deque()

    def change(self, plan: Plan) -> None:
        """Go on under another plan, with every window full again."""
        self.plan = plan
        self._meters.clear()

    def enter(self, model: str, now: float) -> Refused | None:
        """Let a request in and count it, or say why not. Who is let in must `leave`."""
        refused = self._refusal(model, now)
        if refused is None:
            self.in_flight += 1
            self._arrivals.append(now)
            self._charge("requests", 1, model, now)
        return refused

    def leave(self) -> None:
        self.in_flight -= 1

    def charge_tokens(self, model: str, tokens: int, now: float) -> None:
        self._charge("tokens", tokens, model, now)

    def standings(self, model: str, now: float) -> tuple[Standing, ...]:
        """The windows that a request to this model runs into."""
        return tuple(
            self._standing(name, now) for name in self.plan.windows if self.plan.counts(name, model)
        )

    def set_used(self, name: str, share: float, now: float, resets_in: float | None) -> None:
        """Put a window to a share of its budget; `resets_in` seconds from now, if given."""
        seconds = self.plan.seconds(name)
        opened_at = now if resets_in is None else now + resets_in - seconds
        self._meters[name] = _Meter(opened_at, share * self.plan.windows[name].budget)

    def advance(self, seconds: float) -> None:
        """Let so much time pass for this account."""
        for meter in self._meters.values():
            meter.opened_at -= seconds
        self._arrivals = deque(at - seconds for at in self._arrivals)

    def _refusal(self, model: str, now: float) -> Refused | None:
        limit = self.plan.concurrency
        if limit is not None and self.in_flight >= limit:
            return Refused("concurrency", None)
        if (wait := self._burst_wait(now)) > 0:
            return Refused("burst", wait)
        full = [s.resets_at for s in self.standings(model, now) if s.status == "rejected"]
        if full and not self.plan.overage:
            return Refused("window", max(full) - now)
        return None

    def _burst_wait(self, now: float) -> float:
        burst = self.plan.burst
        horizon = inf if burst is None else now - burst.seconds
        while self._arrivals and self._arrivals[0] <= horizon:
            self._arrivals.popleft()
        if burst is None or len(self._arrivals) < burst.requests:
            return 0
        return self._arrivals[-burst.requests] + burst.seconds - now

    def _charge(self, unit: str, amount: float, model: str, now: float) -> None:
        for name, window in self.plan.windows.items():
            if window.unit == unit and self.plan.counts(name, model):
                meter = self._meters[name] = self._meter(name, now)
                meter.used += amount

    def _meter(self, name: str, now: float) -> _Meter:
        """The window that is open, else the one that opens now."""
        meter = self._meters.get(name)
        if meter is None or meter.opened_at + self.plan.seconds(name) <= now:
            return _Meter(now, 0)
        return meter

    def _standing(self, name: str, now: float) -> Standing:
        meter, budget = self._meter(name, now), self.plan.windows[name].budget
        return Standing(name, meter.used, budget, meter.opened_at + self.plan.seconds(name))

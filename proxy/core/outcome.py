"""What one attempt came to, and what the client is told if it is the last one."""

from dataclasses import dataclass
from typing import Final

from proxy.core.verdict import Kind, Verdict
from proxy.errors import (
    AllLimitedError,
    NoWorkerError,
    ProxyError,
    StageTimeoutError,
    WorkerBrokeError,
)

PASSED_ON: Final = {Kind.CLIENT_ERROR: 400, Kind.OVERLOADED: 529, Kind.THROTTLED: 429}
"""Verdicts whose own answer is the best one, and its status where it came as a 200."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An upstream's answer that is no success, in the endpoint's dialect."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. At most one of `refusal` and `error` says more than the verdict."""

    verdict: Verdict
    refusal: Refusal | None = None
    error: ProxyError | None = None

    def passed_on(self) -> Refusal | None:
        """The upstream's own answer, if the client is to have that."""
        status = PASSED_ON.get(self.verdict.kind)
        if self.refusal is None or status is None:
            return None
        if self.refusal.status >= status == PASSED_ON[Kind.CLIENT_ERROR]:
            return self.refusal
        return Refusal(status, self.refusal.body)

    def told(self, now: float) -> ProxyError:
        """What the client is told instead: true about the wait, silent about the account."""
        if self.error is not None and self.verdict.kind is not Kind.TIMEOUT:
            return self.error
        wait = self.wait(now)
        match self.verdict.kind:
            case Kind.QUOTA | Kind.MODEL_LIMIT | Kind.BURST | Kind.THROTTLED:
                message = "The account for this request has reached its limit."
                return AllLimitedError(message, retry_after=wait)
            case Kind.BILLING | Kind.AUTH:
                return NoWorkerError("No account can serve this now.", retry_after=5)
            case Kind.TIMEOUT:
                stage = self.error.message if self.error else "the worker took too long"
                unsafe = self.verdict.started
                return StageTimeoutError(stage, should_retry=False if unsafe else None)
            case _:
                return WorkerBrokeError("The worker gave no usable answer.")

    def wait(self, now: float) -> float | None:
        """Seconds until the limit that was met ends, where that is known."""
        if self.verdict.until is not None:
            return max(1.0, self.verdict.until - now)
        return self.verdict.retry_after

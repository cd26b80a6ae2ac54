"""One attempt: a request to one account's upstream, and what its answer came to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from proxy.bookkeeper import Bookkeeper
from proxy.core.account import AccountName, ModelFamily
from proxy.core.evidence import read_verdict
from proxy.core.limits import windows
from proxy.core.outcome import Outcome, Refusal
from proxy.core.usage import Spending, Usage
from proxy.core.verdict import Kind, Scope, Verdict
from proxy.edge import ours
from proxy.errors import ProxyError, StageTimeoutError, UnreachableError
from proxy.http1.framing import Headers
from proxy.http1.upstream import Answer, Upstreams
from proxy.inbound import Inbound
from proxy.metrics import Metrics
from proxy.pool import Lease
from proxy.relay import relay
from proxy.stream import Ending, Manner
from proxy.ways import Way

REFUSAL: Final = 65_536
"""The most that is read of an answer which is no success, in bytes."""

SERVED: Final = Outcome(Verdict(Kind.OK, started=True))
UNREACHABLE: Final = Verdict(Kind.WORKER_ERROR, Scope.ACCOUNT)
BROKEN: Final = Verdict(Kind.WORKER_ERROR, Scope.ACCOUNT, started=True)
TIMED_OUT: Final = Verdict(Kind.TIMEOUT, Scope.ACCOUNT, started=True)


@dataclass(frozen=True, slots=True)
class RelayPolicy:
    """`gate` and `ping` as in `Manner`; `expose_account` tells clients which account served."""

    gate: float = 10.0
    ping: float = 15.0
    expose_account: bool = False


@dataclass(slots=True)
class Forwarder:
    """Sends requests to accounts and carries their answers back.

    `failed` is told of an account whose worker could not be reached or broke off. `models` are
    the ones of each family that clients asked for last.
    """

    upstreams: Upstreams
    ways: Mapping[AccountName, Way]
    metrics: Metrics
    books: Bookkeeper
    clock: Callable[[], float]
    policy: RelayPolicy
    failed: Callable[[AccountName], None]
    models: dict[ModelFamily, str] = field(default_factory=dict)

    async def attempt(self, inbound: Inbound, lease: Lease) -> Outcome:
        """Try one account. What comes goes to the client if it is an answer."""
        trip, account = inbound.trip, lease.account.name
        trip.account = account
        began, verdict = inbound.exchange.elapsed(), Kind.ABORTED
        try:
            outcome = await self._exchange(inbound, lease)
            verdict = outcome.verdict.kind
        finally:
            trip.verdicts.append(verdict)
            self.metrics.attempt_ended(account, verdict, inbound.exchange.elapsed() - began)
        if outcome.error is not None:
            self.failed(account)
        return outcome

    def remember(self, inbound: Inbound) -> None:
        """Keep the model of a request that was served, or that no account could serve."""
        if inbound.model is not None:
            self.models[inbound.call.family] = inbound.model

    async def _exchange(self, inbound: Inbound, lease: Lease) -> Outcome:
        way = self.ways[lease.account.name]
        head = way.request(inbound.exchange.head, inbound.call, len(inbound.body))
        try:
            async with self.upstreams.exchange(way.origin, head, inbound.body) as answer:
                if not _succeeded(answer):
                    return self._judge(answer, lease, await answer.body(REFUSAL))
                ending = await relay(inbound.exchange, answer, self._manner(inbound, lease))
        except ProxyError as error:
            return Outcome(_verdict_of(error), error=error)
        return self._sum_up(inbound, lease, answer, ending)

    def _sum_up(self, inbound: Inbound, lease: Lease, answer: Answer, ending: Ending) -> Outcome:
        """What a relayed answer came to, or one that turned out to be none."""
        if ending.error is not None:
            inbound.trip.outcome = ending.error.outcome
            self.metrics.answer_truncated(lease.account.name)
            return Outcome(_verdict_of(ending.error), error=ending.error)
        if ending.failure is None:
            self._observe(answer, lease)
            self.remember(inbound)
            return SERVED
        outcome = self._judge(answer, lease, ending.failure)
        if inbound.exchange.started:
            inbound.trip.outcome = "failed_midway"
        if ending.content or inbound.exchange.started:
            return replace(outcome, verdict=replace(outcome.verdict, started=True))
        return outcome

    def _judge(self, answer: Answer, lease: Lease, body: bytes) -> Outcome:
        """Read what an answer that is no success means."""
        self._observe(answer, lease)
        status = answer.head.status
        verdict = read_verdict(status, texts(answer.head.headers), body, self.clock())
        return Outcome(verdict, Refusal(status, body))

    def _observe(self, answer: Answer, lease: Lease) -> None:
        """Take in what an answer tells of its account's windows; most tell nothing."""
        if b"-ratelimit-" not in b"\n".join([name for name, _ in answer.head.headers]):
            return
        lease.windows = windows(texts(answer.head.headers), self.clock())
        if any(window.odd for window in lease.windows):
            self.metrics.reset_distrusted(lease.account.name)

    def _manner(self, inbound: Inbound, lease: Lease) -> Manner:
        headers = ours(inbound.trip)
        if self.policy.expose_account:
            headers.append((b"x-headgate-account", lease.account.name.encode()))

        def opened() -> None:
            inbound.trip.first_byte = inbound.exchange.elapsed()
            lease.answering()

        def used(usage: Usage) -> None:
            self._count_tokens(inbound, lease, usage)

        dialect = inbound.trip.route.dialect
        return Manner(headers, dialect, opened, used, self.policy.gate, self.policy.ping)

    def _count_tokens(self, inbound: Inbound, lease: Lease, usage: Usage) -> None:
        """Take down a turn's tokens; one that told of none counts if it reached the client."""
        trip = inbound.trip
        trip.usage = usage
        if trip.route.generative and (usage.total or inbound.exchange.started):
            account, family = lease.account.name, inbound.call.family
            self.books.spend(Spending(trip.client, account, family, usage))


def texts(headers: Headers) -> dict[str, str]:
    """Headers as the core reads them."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}


def _succeeded(answer: Answer) -> bool:
    return 200 <= answer.head.status < 300  # noqa: PLR2004


def _verdict_of(error: ProxyError) -> Verdict:
    match error:
        case UnreachableError():
            return UNREACHABLE
        case StageTimeoutError():
            return TIMED_OUT
        case _:
            return BROKEN

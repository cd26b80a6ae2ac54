"""The request path: from a client's request to the settled answer of one account."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.auth import Authenticator
from proxy.capacity import CapacityDesk
from proxy.census import Census, Inquiry
from proxy.core.account import AccountName
from proxy.core.outcome import Outcome
from proxy.core.retry import RESTED, Attempts, RetryBudget, Step, pause
from proxy.core.routes import CAPACITY, check_method
from proxy.edge import JSON, Trip, answer_here, ours
from proxy.errors import ProxyError
from proxy.forward import Forwarder
from proxy.http1.exchange import Exchange
from proxy.inbound import Inbound, read_inbound
from proxy.metrics import Metrics
from proxy.pool import AccountPool, Lease
from proxy.quota import Quotas, check_model


@dataclass(slots=True)
class Gateway:
    """Authenticate, name the session, lease an account, forward, relay, settle."""

    authenticator: Authenticator
    quotas: Quotas
    pool: AccountPool
    forwarder: Forwarder
    census: Census
    capacity: CapacityDesk
    metrics: Metrics
    clock: Callable[[], float]
    budget: RetryBudget = field(default_factory=RetryBudget)

    async def handle(self, exchange: Exchange, trip: Trip) -> None:
        """Answer one request, on as many accounts as it takes."""
        client = self.authenticator.client_of(exchange.head.headers, exchange.peer)
        trip.client = client.name
        check_method(trip.route, exchange.head.method)
        if trip.route.local or exchange.head.method == "OPTIONS":
            answer_here(exchange, trip)
            return
        if trip.route.name == CAPACITY:
            await self.capacity.answer(exchange, trip, client)
            return
        if trip.route.remembered:
            async with self.quotas.hold(client, trip):
                await self.census.answer(Inquiry(exchange, trip, client.name))
            return
        inbound = await read_inbound(exchange, trip, client)
        self.budget.earn(exchange.started_at)
        if exchange.head.method == "POST":
            check_model(client, inbound.model)
        async with self.quotas.hold(client, trip):
            outcome = await self._serve(inbound)
        if not exchange.started:
            self._refuse(inbound, outcome)

    async def _serve(self, inbound: Inbound) -> Outcome:
        """Go from account to account until one has answered, or nothing better is left."""
        attempts, tried = Attempts(), set[AccountName]()
        outcome: Outcome | None = None
        while True:
            try:
                async with self.pool.lease(inbound.call, tried) as lease:
                    outcome, step = await self._stay(inbound, lease, attempts)
                if outcome.verdict.kind not in RESTED:
                    tried.add(lease.account.name)
            except ProxyError:
                if outcome is None or outcome.verdict.kind in RESTED:
                    self.forwarder.remember(inbound)
                    raise
                return outcome
            if step is Step.SPENT:
                self.metrics.retry_refused()
            if step is not Step.ELSEWHERE:
                return outcome
            self.metrics.failed_over(outcome.verdict.kind)

    async def _stay(
        self, inbound: Inbound, lease: Lease, attempts: Attempts
    ) -> tuple[Outcome, Step]:
        """Try one account, in place as often as its answers allow."""
        while True:
            outcome = await self.forwarder.attempt(inbound, lease)
            lease.verdict = outcome.verdict
            step = attempts.after(outcome.verdict, self.budget)
            if step is not Step.AGAIN:
                return outcome, step
            await asyncio.sleep(pause(attempts.same, random.random()))  # noqa: S311 (jitter)

    def _refuse(self, inbound: Inbound, outcome: Outcome) -> None:
        """Pass the upstream's own refusal on where it is the best answer, else say what is true."""
        refusal = outcome.passed_on()
        if refusal is None:
            raise outcome.told(self.clock())
        inbound.trip.outcome = outcome.verdict.kind
        headers = [*ours(inbound.trip), JSON]
        inbound.exchange.respond(refusal.status, headers, refusal.body)

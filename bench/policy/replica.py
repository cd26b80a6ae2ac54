"""One replica of the simulation: a pool, and the gateway's loop over attempts without its wires."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bench import virtual
from bench.policy.peers import PeerLease, PeerPool
from bench.policy.world import Answer, Provider, Turn
from proxy.core.account import AccountName
from proxy.core.cooldown import Reason
from proxy.core.evidence import read_verdict
from proxy.core.limits import windows
from proxy.core.retry import RESTED, Attempts, RetryBudget, Step, pause
from proxy.core.verdict import Kind, Scope, Verdict
from proxy.pool import AccountPool, Call, Lease
from proxy.store.base import Listener
from proxy.store.memory import MemoryStore

UNREACHED: Final = Verdict(Kind.WORKER_ERROR, Scope.ACCOUNT, started=False)


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

    def account_rested(self, account: AccountName, reason: Reason) -> None:
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
                answer, verdict, step = await self._stay(lease, turn, attempts)
            name = lease.account.name
            if answer is not None and verdict.kind is Kind.OK:
                return name, answer, began
            if step is not Step.ELSEWHERE:
                raise FailedError
            if verdict.kind not in RESTED:
                tried.add(name)

    async def _stay(
        self, lease: Lease | PeerLease, turn: Turn, attempts: Attempts
    ) -> tuple[Answer | None, Verdict, Step]:
        while True:
            answer = await self.provider.ask(lease.account.name, turn, lease.answering)
            verdict = UNREACHED
            if answer is not None:
                now = virtual.wall()
                verdict = read_verdict(answer.status, answer.headers, b"", now)
                lease.windows = windows(answer.headers, now)
            lease.verdict = verdict
            step = attempts.after(verdict, self.budget)
            if step is not Step.AGAIN:
                return answer, verdict, step
            await asyncio.sleep(pause(attempts.same, random.random()))  # noqa: S311 (jitter)

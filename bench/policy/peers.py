"""How others place requests, on a plain pool: whoever has room, by a rule of one line.

They know as much as we do: what an answer means, how long an account rests for it, how much of
its windows is used. They differ in whom they ask next.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Final, Self

from bench.virtual import wall
from proxy.core.account import Account, AccountName, Window
from proxy.core.cooldown import BackoffPolicy, cooldown_after
from proxy.core.verdict import CONSEQUENCES, Kind, Verdict
from proxy.errors import AllLimitedError, QueueFullError
from proxy.waiter import Call

MAX_WAIT: Final = 60.0
TICK: Final = 1e-3


@dataclass(slots=True)
class Seen:
    """What a peer knows of an account."""

    account: Account
    out: int = 0
    until: float = 0.0
    streak: int = 0
    counted_at: float = 0.0
    windows: Sequence[Window] = ()

    @property
    def used(self) -> float:
        """How much of its fullest window is used."""
        standing = [w for w in self.windows if w.resets_at is None or w.resets_at > wall()]
        return max((w.utilization for w in standing), default=0.0)

    def learn(self, verdict: Verdict, granted_at: float) -> None:
        """Rest, if the verdict says so; what happened in one moment counts once."""
        if verdict.kind is Kind.OK:
            self.streak = 0
        if CONSEQUENCES[verdict.kind].counts and granted_at > self.counted_at:
            self.streak += 1
            self.counted_at = wall()
        rest = cooldown_after(verdict, max(1, self.streak), wall(), BackoffPolicy(), 0.0)
        self.until = max(self.until, rest.until if rest else 0.0)


Rule = Callable[[Call, Sequence[Seen]], Seen]
"""Chooses among those that have room."""


def round_robin() -> Rule:
    """The next one, whoever asks."""
    turns = count()
    return lambda _, free: free[next(turns) % len(free)]


def least_connections() -> Rule:
    """The one with the fewest requests in flight."""
    return lambda _, free: min(free, key=lambda seen: seen.out)


def most_headroom() -> Rule:
    """The one with the most left of its windows."""
    return lambda _, free: min(free, key=lambda seen: seen.used)


def sticky_least_used() -> Rule:
    """The session's last one while it has room, else the one with the most left."""
    homes: dict[str, AccountName] = {}

    def rule(call: Call, free: Sequence[Seen]) -> Seen:
        home = homes.get(call.session or "")
        kept = [seen for seen in free if seen.account.name == home]
        chosen = min(kept or free, key=lambda seen: seen.used)
        if call.session is not None:
            homes[call.session] = chosen.account.name
        return chosen

    return rule


RULES: Final[Mapping[str, Callable[[], Rule]]] = {
    "round robin": round_robin,
    "least connections": least_connections,
    "most headroom": most_headroom,
    "sticky, least used": sticky_least_used,
}


class PeerPool:
    """Accounts behind one rule, and a line of those who found none free."""

    def __init__(self, accounts: Sequence[Account], rule: Rule) -> None:
        self.seen = [Seen(account) for account in accounts]
        self._rule = rule
        self._line: deque[asyncio.Event] = deque()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    def lease(self, call: Call, skip: Collection[AccountName] = ()) -> "PeerLease":
        return PeerLease(self, call, skip)

    async def take(self, call: Call, skip: Collection[AccountName]) -> Seen:
        """Wait in line for an account with room."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + MAX_WAIT
        turn = asyncio.Event()
        if not self._line:
            turn.set()
        self._line.append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                await turn.wait()
                while (chosen := self._chosen(call, skip, deadline - loop.time())) is None:
                    turn.clear()
                    await self._news(turn)
        except TimeoutError as exc:
            raise QueueFullError("No account was free in time.", retry_after=1) from exc
        finally:
            self._line.remove(turn)
            self.stir()
        chosen.out += 1
        return chosen

    def stir(self) -> None:
        """Let the first in line look again."""
        if self._line:
            self._line[0].set()

    def _chosen(self, call: Call, skip: Collection[AccountName], patience: float) -> Seen | None:
        now = wall()
        left = [seen for seen in self.seen if seen.account.name not in skip]
        awake = [seen for seen in left if seen.until <= now]
        free = [seen for seen in awake if seen.out < seen.account.concurrency]
        if free:
            return self._rule(call, free)
        soonest = min((seen.until for seen in left), default=now)
        if not left or (not awake and soonest > now + patience):
            raise AllLimitedError("All accounts are limited.", retry_after=soonest - now)
        return None

    async def _news(self, turn: asyncio.Event) -> None:
        """Wait until somebody returns, or an account's rest is over."""
        now = wall()
        ends = min((seen.until for seen in self.seen if seen.until > now), default=now + MAX_WAIT)
        try:
            await asyncio.wait_for(turn.wait(), ends - now + TICK)
        except TimeoutError:
            return


@dataclass(slots=True)
class PeerLease:
    """A request's hold on an account."""

    pool: PeerPool
    call: Call
    skip: Collection[AccountName]
    verdict: Verdict | None = None
    windows: Sequence[Window] = ()
    held: Seen = field(init=False)
    granted_at: float = field(init=False)

    @property
    def account(self) -> Account:
        return self.held.account

    def answering(self) -> None: ...

    async def __aenter__(self) -> Self:
        self.held = await self.pool.take(self.call, self.skip)
        self.granted_at = wall()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.held.out -= 1
        if self.verdict is not None:
            self.held.learn(self.verdict, self.granted_at)
        if self.windows:
            known = {window.name: window for window in (*self.held.windows, *self.windows)}
            self.held.windows = tuple(known.values())
        self.pool.stir()

"""The store that replicas share: every decision is made inside Redis, one step at a time."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Never, Self

import msgspec

from proxy.core.account import AccountName, ModelFamily
from proxy.core.cooldown import Cooldown, Reason
from proxy.store.away import Away, StoreAwayError
from proxy.store.base import (
    Beat,
    Listener,
    Nobody,
    Refusal,
    Settlement,
    Slot,
    Snapshot,
    StorePolicy,
    Wish,
)
from proxy.store.redis import wire
from proxy.store.redis.batches import Batches, BatchPolicy
from proxy.store.redis.guesses import Guesses
from proxy.store.redis.news import POLL, News, announce
from proxy.store.redis.script import Client, Script


@dataclass(frozen=True, slots=True)
class RedisPolicy:
    """`pool` begins all keys; a round trip takes at most `timeout` (seconds).

    `clock` stands in for Redis' own.
    """

    pool: str = "headgate"
    timeout: float = 0.25
    clock: Callable[[], float] | None = None


class RedisStore:
    """`Store` for all replicas of a proxy. Entered for as long as it serves.

    What is awaited raises StoreAwayError where Redis does not answer as it should. `operations` is
    open to whoever has further ones: a file in `lua/`, named in `PARTS`.
    """

    def __init__(self, client: Client, policy: StorePolicy, redis: RedisPolicy) -> None:
        pool = f"{{{redis.pool}}}"
        self._clock = redis.clock
        self._origin = secrets.token_hex(4)
        self._script = Script(client, pool, redis.timeout)
        self._rules = wire.rules(policy)
        self.operations = Batches(self._send, BatchPolicy(stale=policy.lease_ttl))
        self._news = News(client, f"{pool}:news", self.operations.ask, min(POLL, redis.timeout) / 2)
        self._guesses = Guesses(policy)
        self._listener: Listener = Nobody()
        self._now, self._answered_at = time.time(), time.monotonic()
        self._tasks = asyncio.TaskGroup()
        self._daemons: set[asyncio.Task[Never]] = set()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._daemons = {
            self._tasks.create_task(self.operations.run()),
            self._tasks.create_task(self._news.follow(lambda: self._listener)),
        }
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._daemons:  # the client swallows a cancellation that comes as it connects
            for daemon in self._daemons:
                daemon.cancel()
            done = (await asyncio.wait(self._daemons, timeout=0.05))[0]
            self._daemons -= done
        await self._tasks.__aexit__(None, None, None)
        await self.operations.flush()

    def watch(self, listener: Listener) -> None:
        self._listener = listener

    def now(self) -> float:
        if self._clock is not None:
            return self._clock()
        return self._now + time.monotonic() - self._answered_at

    def guess(self, session: str, family: ModelFamily) -> AccountName | None:
        return self._guesses.own(session, family, self._now)

    async def claim(self, wish: Wish) -> Slot | Refusal:
        try:
            found = wire.read_found(await self.operations.ask("claim", wish))
        except (StoreAwayError, asyncio.CancelledError):
            names = [candidate.name for candidate in wish.candidates]
            self.operations.tell("unclaim", wish.id, names)
            raise
        self._guesses.learn(wish, found, self._now)
        return found.slot or found.refusal or Refusal(self._now)

    def prove(self, slot: Slot) -> None:
        self.operations.tell("prove", slot)

    def settle(self, slot: Slot, settlement: Settlement) -> None:
        self.operations.tell("settle", slot, settlement)
        self._guesses.moved(slot, settlement, self._now)

    async def renew(self, slots: Sequence[Slot]) -> None:
        if slots:
            await self.operations.ask("renew", slots)

    async def rest(self, account: AccountName, family: ModelFamily, cooldown: Cooldown) -> None:
        await self.operations.ask("rest", account, family, cooldown)

    async def wake(
        self, account: AccountName, family: ModelFamily, reason: Reason | None = None
    ) -> None:
        await self.operations.ask("wake", account, family, reason)

    async def snapshot(self) -> Snapshot:
        states = wire.read_states(await self.operations.ask("snapshot"))
        return Snapshot(self._now, {state.name: state.told() for state in states})

    async def beat(self) -> Beat:
        """Say, by a write, that this replica lives."""
        return wire.read_beat(await self.operations.ask("beat"))

    async def adopt(self, bindings: Sequence[tuple[str, AccountName]]) -> None:
        """Bind sessions, those apart that are bound."""
        await self.operations.ask("adopt", bindings)

    async def _send(self, operations: Sequence[wire.Operation]) -> Sequence[msgspec.Raw]:
        """One round trip. Raises StoreAwayError."""
        now = None if self._clock is None else self._clock()
        batch = wire.pack(wire.Batch(self._origin, now, operations))
        packed = await self._script.run(self._rules, batch)
        try:
            answer = wire.read_answer(packed)
        except msgspec.DecodeError as exc:
            raise StoreAwayError(Away.OTHER) from exc
        self._now, self._answered_at = answer.now, time.monotonic()
        announce(answer.events, self._listener)
        return answer.replies

"""The store that replicas share: every decision is made inside Redis, one step at a time."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Never, Self

import msgspec

from proxy.core.account import ANY_MODEL, AccountName, AccountState, ModelFamily
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.ranking import BOUND
from proxy.store.affinity import SLACK, Affinity
from proxy.store.away import Away, StoreAwayError
from proxy.store.base import (
    LIMIT_REASONS,
    SOFT_REASONS,
    Listener,
    Nobody,
    Placing,
    Refusal,
    Settlement,
    Slot,
    Snapshot,
    StorePolicy,
    Wish,
)
from proxy.store.gate import ESTIMATED, SHRINK
from proxy.store.redis.batches import Batches, BatchPolicy, Operation
from proxy.store.redis.news import POLL, Event, News, announce
from proxy.store.redis.script import Client, Script

GUESSES: Final = 20_000
"""Sessions whose account is remembered here."""


@dataclass(frozen=True, slots=True)
class RedisPolicy:
    """`pool` begins all keys; a round trip takes at most `timeout` (seconds).

    No request waits longer for an account than `longest_wait`. `clock` stands in for Redis' own.
    """

    pool: str = "headgate"
    timeout: float = 0.25
    longest_wait: float = 60.0
    clock: Callable[[], float] | None = None


class _Batch(msgspec.Struct):
    origin: str
    now: float | None
    operations: Sequence[Operation]


class _Found(msgspec.Struct):
    slot: Slot | None = None
    refusal: Refusal | None = None

    @property
    def own(self) -> AccountName | None:
        """The session's own account, as far as this tells."""
        if self.slot is not None:
            return self.slot.account if self.slot.placing is Placing.FIRST else self.slot.own
        return None if self.refusal is None else self.refusal.own


class _State(msgspec.Struct, array_like=True):
    name: AccountName
    in_flight: int
    limit: int
    probation: bool
    streak: int
    cooldowns: tuple[tuple[ModelFamily, float, Reason], ...]

    def told(self) -> AccountState:
        cooldowns = {family: Cooldown(until, why) for family, until, why in self.cooldowns}
        return AccountState(self.in_flight, self.limit, self.probation, self.streak, cooldowns)


class _Answer(msgspec.Struct, array_like=True):
    now: float
    replies: tuple[msgspec.Raw, ...]
    events: tuple[Event, ...]


_encode = msgspec.msgpack.Encoder().encode
_answer = msgspec.msgpack.Decoder(_Answer)
_found = msgspec.msgpack.Decoder(_Found)
_count = msgspec.msgpack.Decoder(int)
_states = msgspec.msgpack.Decoder(tuple[_State, ...])


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
        self._rules = _encode(_rules(policy, redis))
        self.operations = Batches(self._send, BatchPolicy(stale=policy.lease_ttl))
        self._news = News(client, f"{pool}:news", self.operations.ask, min(POLL, redis.timeout) / 2)
        self._known = Affinity(policy.affinity_ttl, min(GUESSES, policy.affinity_limit))
        self._listener: Listener = Nobody()
        self._now = 0.0
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

    def guess(self, session: str, family: ModelFamily) -> AccountName | None:
        return self._known.peek(session, family, self._now)

    async def claim(self, wish: Wish) -> Slot | Refusal:
        try:
            found = _found.decode(await self.operations.ask("claim", wish))
        except (StoreAwayError, asyncio.CancelledError):
            names = [candidate.name for candidate in wish.candidates]
            self.operations.tell("unclaim", wish.id, names)
            raise
        self._learn(wish, found)
        return found.slot or found.refusal or Refusal(self._now)

    def prove(self, slot: Slot) -> None:
        self.operations.tell("prove", slot)

    def settle(self, slot: Slot, settlement: Settlement) -> None:
        self.operations.tell("settle", slot, settlement)
        if settlement.proven and slot.binds is not None and slot.session is not None:
            own = self._known.peek(slot.session, slot.family, self._now)
            if own in {None, slot.own}:
                self._known.bind(slot.session, slot.account, slot.binds, self._now)

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
        states = _states.decode(await self.operations.ask("snapshot"))
        return Snapshot(self._now, {state.name: state.told() for state in states})

    async def beat(self) -> int:
        """Say, by a write, that this replica lives; how many do."""
        return _count.decode(await self.operations.ask("beat"))

    async def adopt(self, bindings: Sequence[tuple[str, AccountName]]) -> None:
        """Bind sessions, those apart that are bound."""
        await self.operations.ask("adopt", bindings)

    async def _send(self, operations: Sequence[Operation]) -> Sequence[msgspec.Raw]:
        """One round trip. Raises StoreAwayError."""
        now = None if self._clock is None else self._clock()
        packed = await self._script.run(self._rules, _encode(_Batch(self._origin, now, operations)))
        try:
            answer = _answer.decode(packed)
        except msgspec.DecodeError as exc:
            raise StoreAwayError(Away.OTHER) from exc
        self._now = answer.now
        announce(answer.events, self._listener)
        return answer.replies

    def _learn(self, wish: Wish, found: _Found) -> None:
        """Remember the session's own account, as far as the answer tells."""
        own = found.own
        if wish.session is None or own is None:
            return
        known = self._known.peek(wish.session, wish.family, self._now)
        if known is None:
            self._known.bind(wish.session, own, ANY_MODEL, self._now)
        elif known != own:
            self._known.bind(wish.session, own, wish.family, self._now)


def _rules(policy: StorePolicy, redis: RedisPolicy) -> Mapping[str, object]:
    """What the script goes by: stated here and in the core, not in Lua."""
    return {
        "lease_ttl": policy.lease_ttl,
        "affinity_ttl": policy.affinity_ttl,
        "affinity_limit": policy.affinity_limit,
        "slack": SLACK,
        "longest_wait": redis.longest_wait,
        "bound": BOUND,
        "shrink": SHRINK,
        "soft": dict.fromkeys(SOFT_REASONS, True),
        "limits": dict.fromkeys(LIMIT_REASONS, True),
        "estimated": dict.fromkeys(ESTIMATED, True),
    }

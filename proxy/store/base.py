"""What replicas share, and the few atomic operations on it.

A method is one step that no other replica can come between. Operations commute where they can
(of two cooldowns the later stands) and are idempotent by the slot's id. Instants are on the
store's clock, which answers carry as `now`; a replica's own clock never enters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol

import msgspec

from proxy.core.account import AccountName, AccountState, ModelFamily
from proxy.core.cooldown import Cooldown, Reason

SOFT_REASONS = frozenset({Reason.BURST})
"""A session waits for or spills from an account that rests so; from any other it moves."""

LIMIT_REASONS = frozenset({Reason.QUOTA, Reason.MODEL_LIMIT, Reason.BURST})
"""An account that rests so is in order: it serves again at a known time."""


@dataclass(frozen=True, slots=True)
class StorePolicy:
    """Seconds that a lease lasts unrenewed and a binding unused; the most bindings kept."""

    lease_ttl: float = 45.0
    affinity_ttl: float = 3600.0
    affinity_limit: int = 100_000


class Candidate(msgspec.Struct, frozen=True, array_like=True):
    """An account in service, with the most requests it may carry at once.

    A `tried` one is not granted again; it is named so that a binding to it still counts. `share`
    is its part of the load, beside the shares of the others.
    """

    name: AccountName
    concurrency: int
    tried: bool = False
    share: float = 1.0


class Reach(Enum):
    """How far from its own account a session may be sent while that is merely busy."""

    OWN = "own"  # nowhere: the one candidate is a guess at its own, refused if wrong
    HOLD = "hold"  # nowhere yet: it had better wait
    SPILL = "spill"  # anywhere, for this request


class Wish(msgspec.Struct, frozen=True):
    """One request's wish for an account.

    `id` names the attempt: claiming twice with one id yields one slot. `candidates` are in order
    of preference and name every account in service: a binding to any other is void. Refused, the
    request waits for `wait` seconds more: for so long it is to hear of slots that are given back.
    """

    id: str
    session: str | None
    family: ModelFamily
    candidates: Sequence[Candidate]
    reach: Reach = Reach.SPILL
    wait: float = 0.0


class Placing(StrEnum):
    """How a session came to the account it got."""

    UNBOUND = "unbound"  # the request has no session
    FIRST = "first"  # this claim made the binding
    HIT = "hit"  # the session's own account
    SPILLED = "spilled"  # its own is busy or was tried: elsewhere once, the binding stays
    MOVED = "moved"  # its own cannot serve it: elsewhere, bound there once this succeeds


class Standing(Enum):
    """How far an account is trusted again after a cooldown."""

    TRUSTED = "trusted"
    RISING = "rising"  # slow start: each success doubles what it may carry
    CANARY = "canary"  # the one request that goes first


class Slot(msgspec.Struct, frozen=True):
    """A request's place on an account, held until it is settled or its lease runs out.

    `granted_at` orders what is observed: a slot granted before a failure was counted adds nothing
    to the streak, and `streak` is what had been counted by then. `own` is the account that the
    session was bound to, `binds` the family (`ANY_MODEL`: all) that a success binds here instead.
    """

    id: str
    account: AccountName
    family: ModelFamily
    placing: Placing
    granted_at: float
    session: str | None = None
    own: AccountName | None = None
    binds: ModelFamily | None = None
    standing: Standing = Standing.TRUSTED
    streak: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """No slot now. `full` if a slot given back can help, `limited` if a limit's end can.

    `until` is the soonest instant at which time alone can help, None if it cannot. `own` is the
    account that the session waits for, None if any will do.
    """

    now: float
    full: bool = False
    limited: bool = False
    until: float | None = None
    own: AccountName | None = None


class Pressure(StrEnum):
    """What an answer says about the account's concurrency limit."""

    NONE = "none"
    CLEAN = "clean"  # served; may raise the limit if it was reached
    BURST = "burst"  # too many at once; lowers it


class Settlement(msgspec.Struct, frozen=True):
    """What the end of a request tells the store, beside giving the slot back.

    `cooldown` rests `family` of the account (`ANY_MODEL`: all of it). `proven` says that the
    account served: it ends probation and binds the slot's session. `failed` counts for the streak.
    """

    cooldown: Cooldown | None = None
    family: ModelFamily | None = None
    proven: bool = False
    pressure: Pressure = Pressure.NONE
    failed: bool = False


class Snapshot(msgspec.Struct, frozen=True):
    """The fleet at one moment of the store's clock (epoch s)."""

    now: float
    accounts: Mapping[AccountName, AccountState] = {}


class Beat(msgspec.Struct, frozen=True, array_like=True):
    """How many replicas live; and whose birth the shared state tells: another's forgot all."""

    replicas: int
    birth: str


class Listener(Protocol):
    """Hears what changed in the store, whichever replica changed it. Must not block."""

    def account_freed(self, account: AccountName) -> None:
        """A slot was given back, or the account may carry more."""

    def account_rested(self, account: AccountName, reason: Reason) -> None:
        """A cooldown began; one that grows longer is not told again."""

    def account_woken(self, account: AccountName) -> None:
        """A cooldown was ended before its time."""


class Nobody:
    """Listens until somebody does."""

    def account_freed(self, account: AccountName) -> None: ...

    def account_rested(self, account: AccountName, reason: Reason) -> None: ...

    def account_woken(self, account: AccountName) -> None: ...


class Store(Protocol):
    """Affinity, slots and cooldowns, shared by all replicas.

    What is told without `await` takes effect at once or as soon as the shared state is reached, in
    the order told, and before any later claim: so a request's end cannot be lost to cancellation.
    """

    def watch(self, listener: Listener) -> None:
        """Name the one listener."""

    def now(self) -> float:
        """The store's clock, without I/O: as its latest answer tells, and time since."""

    def guess(self, session: str, family: ModelFamily) -> AccountName | None:
        """The session's own account as far as is known here, without I/O; it may be out of date."""

    async def claim(self, wish: Wish) -> Slot | Refusal:
        """Take a slot on the session's own account, else on the candidate that `choose` names.

        A claim that is cancelled holds nothing.
        """

    def prove(self, slot: Slot) -> None:
        """Tell that the account began to serve, so that a canary's long answer holds nobody up."""

    def settle(self, slot: Slot, settlement: Settlement) -> None:
        """Give the slot back, once; later calls for the same slot change nothing."""

    async def renew(self, slots: Sequence[Slot]) -> None:
        """Keep the leases of requests that still run; one that was lost counts again."""

    async def rest(self, account: AccountName, family: ModelFamily, cooldown: Cooldown) -> None:
        """Rest an account or one family on it. Of two cooldowns the later stands."""

    async def wake(
        self, account: AccountName, family: ModelFamily, reason: Reason | None = None
    ) -> None:
        """End a cooldown (of that reason) at once; a canary goes first all the same."""

    async def snapshot(self) -> Snapshot:
        """Read the state of every account that the store has heard of."""

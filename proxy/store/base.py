"""What replicas share, and the few atomic operations on it.

A method is one step that no other replica can come between. Operations commute where they can
(of two cooldowns the later stands) and are idempotent by the slot's id. Instants are on the
store's clock, which `snapshot` reports; a replica's own clock never enters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from proxy.core.account import AccountName, AccountState, ModelFamily
from proxy.core.cooldown import Cooldown


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that may be claimed, with the most requests it may carry at once."""

    name: AccountName
    concurrency: int


@dataclass(frozen=True, slots=True)
class Wish:
    """One request's wish for an account.

    `id` names the attempt: claiming twice with one id yields one slot. `candidates` are in order
    of preference. With `spill` false a session that is bound to a candidate which is merely full
    gets no other account: it had better wait.
    """

    id: str
    session: str | None
    family: ModelFamily
    candidates: Sequence[Candidate]
    spill: bool = True


class Placing(StrEnum):
    """How a session came to the account it got."""

    UNBOUND = "unbound"  # the request has no session
    FIRST = "first"  # this claim made the binding
    HIT = "hit"  # the session's own account
    SPILLED = "spilled"  # its own is full: elsewhere for one request, the binding stays
    MOVED = "moved"  # its own cannot serve it: elsewhere, bound there once this succeeds


@dataclass(frozen=True, slots=True)
class Slot:
    """A request's place on an account, held until it is settled or its lease runs out.

    `granted_at` orders what is observed: a slot older than a cooldown adds nothing to a streak.
    """

    id: str
    account: AccountName
    family: ModelFamily
    session: str | None
    placing: Placing
    granted_at: float
    canary: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """No slot now. `full` if waiting for a slot to be given back can help.

    `until` is the soonest instant at which a candidate's cooldown ends, None if none rests.
    """

    full: bool
    until: float | None


class Pressure(StrEnum):
    """What an answer says about the account's concurrency limit."""

    NONE = "none"
    CLEAN = "clean"  # served; may raise the limit if it was reached
    BURST = "burst"  # too many at once; lowers it


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the end of a request tells the store, beside giving the slot back.

    `cooldown` rests `family` of the account (`ANY_MODEL`: all of it). `proven` ends probation;
    `bind` moves the slot's session to its account (only after success).
    """

    cooldown: Cooldown | None = None
    family: ModelFamily | None = None
    proven: bool = False
    bind: bool = False
    pressure: Pressure = Pressure.NONE
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The fleet at one moment of the store's clock (epoch s)."""

    now: float
    accounts: Mapping[AccountName, AccountState] = field(default_factory=dict)


class Store(Protocol):
    """Affinity, slots and cooldowns, shared by all replicas."""

    async def claim(self, wish: Wish) -> Slot | Refusal:
        """Take a slot on the session's own account, else on the first candidate with room."""

    async def settle(self, slot: Slot, settlement: Settlement) -> None:
        """Give the slot back, once; later calls for the same slot change nothing."""

    async def renew(self, slots: Sequence[Slot]) -> None:
        """Keep the leases of requests that still run."""

    async def rest(self, account: AccountName, family: ModelFamily, cooldown: Cooldown) -> None:
        """Rest an account or one family on it. Of two cooldowns the later stands."""

    async def wake(self, account: AccountName, family: ModelFamily) -> None:
        """End a cooldown at once; the account is on probation until something succeeds."""

    async def snapshot(self) -> Snapshot:
        """Read the state of every account that the store has heard of."""

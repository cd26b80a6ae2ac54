"""What goes to the script and what comes back, packed as MessagePack."""

from collections.abc import Sequence
from typing import Final

import msgspec

from proxy.core.account import AccountName, AccountState, ModelFamily
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.ranking import BOUND
from proxy.store.affinity import SLACK
from proxy.store.base import (
    LIMIT_REASONS,
    SOFT_REASONS,
    Beat,
    Placing,
    Refusal,
    Slot,
    StorePolicy,
)
from proxy.store.gate import CAUTION, ESTIMATED, SHRINK

Operation = tuple[object, ...]
"""The name of an operation in `operations.lua`, and what it takes."""


class Batch(msgspec.Struct):
    """Operations of the replica `origin`; `now` stands in for Redis' own clock."""

    origin: str
    now: float | None
    operations: Sequence[Operation]


class Event(msgspec.Struct, array_like=True, frozen=True):
    """A change: `freed`, `rested` (for a reason) or `woken`."""

    kind: str
    account: AccountName
    reason: Reason | None = None


class Answer(msgspec.Struct, array_like=True):
    """The replies to a batch, in order, and what it changed."""

    now: float
    replies: tuple[msgspec.Raw, ...]
    events: tuple[Event, ...]


class Found(msgspec.Struct):
    """What a claim came to: one of the two."""

    slot: Slot | None = None
    refusal: Refusal | None = None

    @property
    def own(self) -> AccountName | None:
        """The session's own account, as far as this tells."""
        if self.slot is not None:
            return self.slot.account if self.slot.placing is Placing.FIRST else self.slot.own
        return None if self.refusal is None else self.refusal.own


class State(msgspec.Struct, array_like=True):
    """An account in a snapshot."""

    name: AccountName
    in_flight: int
    limit: int
    probation: bool
    streak: int
    cooldowns: tuple[tuple[ModelFamily, float, Reason], ...]

    def told(self) -> AccountState:
        cooldowns = {family: Cooldown(until, why) for family, until, why in self.cooldowns}
        return AccountState(self.in_flight, self.limit, self.probation, self.streak, cooldowns)


class Told(msgspec.Struct, array_like=True, frozen=True):
    """What other replicas told, and the entry of the stream up to which this goes."""

    last: str
    events: tuple[Event, ...]


pack: Final = msgspec.msgpack.Encoder().encode
read_answer: Final = msgspec.msgpack.Decoder(Answer).decode
read_beat: Final = msgspec.msgpack.Decoder(Beat).decode
read_found: Final = msgspec.msgpack.Decoder(Found).decode
read_states: Final = msgspec.msgpack.Decoder(tuple[State, ...]).decode
read_told: Final = msgspec.msgpack.Decoder(Told).decode


def rules(policy: StorePolicy) -> bytes:
    """What the script goes by: stated here and in the core, not in Lua."""
    return pack(
        {
            "lease_ttl": policy.lease_ttl,
            "affinity_ttl": policy.affinity_ttl,
            "affinity_limit": policy.affinity_limit,
            "slack": SLACK,
            "bound": BOUND,
            "shrink": SHRINK,
            "caution": CAUTION,
            "soft": dict.fromkeys(SOFT_REASONS, True),
            "limits": dict.fromkeys(LIMIT_REASONS, True),
            "estimated": dict.fromkeys(ESTIMATED, True),
        }
    )

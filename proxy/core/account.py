"""Accounts and what is known of them: the values that ranking and claiming pass around."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NewType

from proxy.core.cooldown import Cooldown

AccountName = NewType("AccountName", str)
ModelFamily = NewType("ModelFamily", str)

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What an account, or a client, may be called: it becomes a label."""

ANY_MODEL: Final = ModelFamily("*")
"""The family that stands for the whole account."""


@dataclass(frozen=True, slots=True)
class Account:
    """One login, served by one worker (or by a plain Messages API).

    `headers` are sent with every request to it; they hold its credential. `concurrency` is the
    most requests it may carry at once, over all replicas; `weight` its size beside the others'.
    A `plain` account is a Messages API itself: it has no `/state`, and gives no verdicts.
    """

    name: AccountName
    url: str
    concurrency: int = 6
    weight: float = 1.0
    plain: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Window:
    """How much of one rate-limit window is used (0..1 and above) and when it resets (epoch s).

    `odd` marks one whose status is unknown or whose reset cannot be right.
    """

    name: str
    utilization: float
    resets_at: float | None = None
    status: str = "allowed"
    family: ModelFamily = ANY_MODEL
    odd: bool = False


@dataclass(frozen=True, slots=True)
class AccountState:
    """What all replicas know of an account at one moment, read from the store.

    `limit` is what the gate allows now, at most the account's concurrency. `probation` means a
    cooldown has run out and nothing has yet succeeded since: one canary at a time. `streak` counts
    the bursts or failures since the last success, those of one moment once. `cooldowns` are by
    model family; `ANY_MODEL` is the whole account.
    """

    in_flight: int = 0
    limit: int = 1
    probation: bool = False
    streak: int = 0
    cooldowns: Mapping[ModelFamily, Cooldown] = field(default_factory=dict)

    def cooldown(self, family: ModelFamily, now: float) -> Cooldown | None:
        """The later of the cooldowns that keep this family off the account, if any stands."""
        found = [c for f in (ANY_MODEL, family) if (c := self.cooldowns.get(f)) and c.until > now]
        return max(found, key=lambda c: c.until, default=None)

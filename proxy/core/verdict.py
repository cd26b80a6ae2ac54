"""What an upstream's answer means for its account, and what may be done next."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """The kinds of LIMITS: one word for everything an upstream can say."""

    OK = "ok"
    QUOTA = "quota"
    MODEL_LIMIT = "model_limit"
    BILLING = "billing"
    BURST = "burst"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    AUTH = "auth"
    CLIENT_ERROR = "client_error"
    WORKER_ERROR = "worker_error"
    TIMEOUT = "timeout"
    ABORTED = "aborted"


class Scope(StrEnum):
    """How far a verdict reaches."""

    REQUEST = "request"
    MODEL = "model"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`until` is an instant (epoch s) and `retry_after` seconds, where the upstream named them.

    `started` says whether the turn may have begun: if so it must not be sent again.
    """

    kind: Kind
    scope: Scope = Scope.REQUEST
    until: float | None = None
    retry_after: float | None = None
    started: bool = False


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a kind does.

    `rests`: the account, or a model family on it, takes nothing new for a while. `moves`: its
    sessions go to another account for good. `counts`: it adds to the account's streak.
    `same_again` and `elsewhere` are how often one request may be tried again, on this account and
    on others; both hold only for a turn that has not started. `if_idle`: elsewhere only where
    an account is idle.
    """

    rests: bool = False
    moves: bool = False
    counts: bool = False
    same_again: int = 0
    elsewhere: int = 0
    if_idle: bool = False


EVERYWHERE: Final = 1_000_000

CONSEQUENCES: Final[Mapping[Kind, Consequence]] = MappingProxyType(
    {
        Kind.OK: Consequence(),
        Kind.QUOTA: Consequence(rests=True, moves=True, counts=True, elsewhere=EVERYWHERE),
        Kind.MODEL_LIMIT: Consequence(rests=True, moves=True, counts=True, elsewhere=EVERYWHERE),
        Kind.BILLING: Consequence(rests=True, moves=True, elsewhere=EVERYWHERE),
        Kind.BURST: Consequence(rests=True, counts=True, elsewhere=1, if_idle=True),
        Kind.THROTTLED: Consequence(same_again=1, elsewhere=1),
        Kind.OVERLOADED: Consequence(same_again=2),
        Kind.AUTH: Consequence(rests=True, moves=True, elsewhere=EVERYWHERE),
        Kind.CLIENT_ERROR: Consequence(),
        Kind.WORKER_ERROR: Consequence(rests=True, counts=True, elsewhere=1),
        Kind.TIMEOUT: Consequence(rests=True, counts=True, elsewhere=1),
        Kind.ABORTED: Consequence(),
    }
)
"""The table of what each kind does. A `rests` of failures takes a streak of them."""

"""What an upstream's answer means for its account, and what may be done next."""

from dataclasses import dataclass
from enum import StrEnum


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

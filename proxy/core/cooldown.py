"""Cooldowns: until when an account takes no new requests, and why."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why an account rests, as operators see it."""

    QUOTA = "quota"
    MODEL_LIMIT = "model_limit"
    BILLING = "billing"
    BURST = "burst"
    AUTH = "auth"
    FAILING = "failing"
    NOT_READY = "not_ready"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True)
class Cooldown:
    """An account takes no new requests before `until` (epoch seconds, on the store's clock)."""

    until: float
    reason: Reason

"""What the shared store raises when it cannot be used, for whatever reason."""

from enum import StrEnum
from typing import Final

from redis import exceptions


class Away(StrEnum):
    """Why the shared store cannot be used."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"  # wrong password, unknown user, too few rights
    LOADING = "loading"
    READ_ONLY = "read_only"
    MASTER_DOWN = "master_down"
    MEMORY = "memory"
    BUSY = "busy"
    SCRIPT = "script"
    TYPE = "type"
    CLUSTER = "cluster"
    OTHER = "other"


class StoreAwayError(Exception):
    """The shared store did not do what it was asked, or did not say so: go on alone."""

    def __init__(self, kind: Away) -> None:
        super().__init__(kind)
        self.kind = kind


_KINDS: Final[tuple[tuple[type[Exception], Away], ...]] = (
    (exceptions.BusyLoadingError, Away.LOADING),
    (exceptions.AuthenticationError, Away.REFUSED),
    (exceptions.AuthorizationError, Away.REFUSED),
    (exceptions.NoPermissionError, Away.REFUSED),
    (exceptions.ReadOnlyError, Away.READ_ONLY),
    (exceptions.OutOfMemoryError, Away.MEMORY),
    (exceptions.NoScriptError, Away.SCRIPT),
    (exceptions.MasterDownError, Away.MASTER_DOWN),
    (exceptions.ClusterError, Away.CLUSTER),
    (exceptions.RedisClusterException, Away.CLUSTER),
    (exceptions.TimeoutError, Away.TIMEOUT),
    (TimeoutError, Away.TIMEOUT),
    (exceptions.ConnectionError, Away.UNREACHABLE),
    (OSError, Away.UNREACHABLE),
)

_CODES: Final = {
    "BUSY": Away.BUSY,
    "LOADING": Away.LOADING,
    "MASTERDOWN": Away.MASTER_DOWN,
    "NOAUTH": Away.REFUSED,
    "NOPERM": Away.REFUSED,
    "OOM": Away.MEMORY,
    "READONLY": Away.READ_ONLY,
    "WRONGPASS": Away.REFUSED,
    "WRONGTYPE": Away.TYPE,
}

FAILURES: Final = (exceptions.RedisError, exceptions.RedisClusterException, OSError)
"""All that the client library raises where Redis is at fault."""


def away(error: Exception) -> StoreAwayError:
    """What an error of the client library means here. Its text may tell addresses: it stays."""
    by_class = (kind for family, kind in _KINDS if isinstance(error, family))
    by_code = (_CODES[word] for word in str(error).split() if word in _CODES)
    return StoreAwayError(next(by_class, None) or next(by_code, Away.OTHER))

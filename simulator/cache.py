"""The prompt cache of one account: what of a prompt it has read before."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

_BYTES_A_TOKEN = 4
_MOST_PREFIXES = 10_000


@dataclass(frozen=True, slots=True)
class InputUsage:
    """The tokens of a prompt: read afresh, written to the cache, read from it."""

    fresh: int
    written: int = 0
    read: int = 0

    def fields(self) -> dict[str, object]:
        """As the API reports it."""
        return {
            "input_tokens": self.fresh,
            "cache_creation_input_tokens": self.written,
            "cache_read_input_tokens": self.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.written,
                "ephemeral_1h_input_tokens": 0,
            },
        }

    def total(self) -> int:
        return self.fresh + self.written + self.read


def count_tokens(segments: Iterable[bytes]) -> int:
    return sum(_tokens(segment) for segment in segments)


class PromptCache:
    """Remembers prefixes for `ttl` seconds after their last use, at most ten thousand of them."""

    def __init__(self, ttl: float) -> None:
        self._ttl = ttl
        self._prefixes: OrderedDict[bytes, float] = OrderedDict()

    def use(self, segments: Iterable[bytes], now: float) -> InputUsage:
        """Read the longest known prefix, and write the rest up to the end."""
        digest = hashlib.sha256()
        read = written = 0
        for segment in segments:
            digest.update(segment)
            if self._knew(digest.digest(), now) and not written:
                read += _tokens(segment)
            else:
                written += _tokens(segment)
        return InputUsage(fresh=3, written=written, read=read)

    def _knew(self, prefix: bytes, now: float) -> bool:
        used_at = self._prefixes.pop(prefix, None)
        self._prefixes[prefix] = now
        if len(self._prefixes) > _MOST_PREFIXES:
            self._prefixes.popitem(last=False)
        return used_at is not None and now - used_at <= self._ttl


def _tokens(segment: bytes) -> int:
    return -(-len(segment) // _BYTES_A_TOKEN)

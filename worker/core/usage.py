"""The tokens of turns, as the provider counted them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_FAMILIES: Final = ("opus", "sonnet", "haiku", "fable")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens by the names of the Messages API; those read from a cache are not in the input."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0

    @property
    def given(self) -> int:
        """Everything that was put in, whatever part a cache had in it."""
        return self.input_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(getattr(self, name) + getattr(other, name) for name in Usage.__slots__))


NOTHING: Final = Usage()


def family_of(model: str) -> str:
    """The family of a model, one of a few words; `other` for those we do not know."""
    return next((family for family in _FAMILIES if family in model.lower()), "other")


def usage_of(message: Mapping[str, object]) -> Usage:
    """What a message says of itself; what it does not say counts as nothing."""
    told = message.get("usage")
    counted = told if isinstance(told, Mapping) else {}
    return Usage(*(_count(counted.get(name)) for name in Usage.__slots__))


def _count(told: object) -> int:
    return told if isinstance(told, int) else 0

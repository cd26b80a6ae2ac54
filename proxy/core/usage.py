"""Tokens an answer says it used, in one shape for every dialect."""

from typing import Annotated, Final

import msgspec

from proxy.core.account import AccountName, ModelFamily

Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class Usage(msgspec.Struct, frozen=True):
    """Tokens by what they cost; `input` counts those that no cache had a part in."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def total(self) -> int:
        """What counts for a client's budget."""
        return self.input + self.output + self.cache_read + self.cache_write

    def plus(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
        )


class Spending(msgspec.Struct, frozen=True):
    """What one answer of an account cost: whose tokens were spent where."""

    client: str
    account: AccountName
    family: ModelFamily
    usage: Usage


class CacheDetails(msgspec.Struct):
    """OpenAI's note of how many of the input tokens came from a cache."""

    cached_tokens: Count | None = None


class Tokens(msgspec.Struct):
    """A `usage` object of any dialect, as it comes."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    input_tokens_details: CacheDetails | None = None
    prompt_tokens_details: CacheDetails | None = None

    def added_to(self, usage: Usage) -> Usage:
        """The usage after this report: its figures are totals, and what it omits stays."""
        if self.prompt_tokens is not None:
            return _openai(self.prompt_tokens, self.completion_tokens, self.prompt_tokens_details)
        if self.input_tokens is not None and self.input_tokens_details is not None:
            return _openai(self.input_tokens, self.output_tokens, self.input_tokens_details)
        return Usage(
            _or(self.input_tokens, usage.input),
            _or(self.output_tokens, usage.output),
            _or(self.cache_read_input_tokens, usage.cache_read),
            _or(self.cache_creation_input_tokens, usage.cache_write),
        )


class _Body(msgspec.Struct):
    usage: Tokens | None = None


_body = msgspec.json.Decoder(_Body)
_NOTHING: Final = Usage()


def body_usage(body: bytes) -> Usage:
    """The usage that a whole JSON answer reports; nothing if it is not one."""
    try:
        tokens = _body.decode(body).usage
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NOTHING
    return tokens.added_to(_NOTHING) if tokens else _NOTHING


def _openai(given: int, made: int | None, details: CacheDetails | None) -> Usage:
    cached = min(given, (details and details.cached_tokens) or 0)
    return Usage(given - cached, made or 0, cached)


def _or(count: int | None, otherwise: int) -> int:
    return otherwise if count is None else count

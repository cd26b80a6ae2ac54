"""What an OpenAI-style upstream answers, as far as it is read: chunks, and whole completions."""

from collections.abc import Sequence

import msgspec

from worker.core.message import Block


class Function(msgspec.Struct, frozen=True):
    """A part of what is called; some servers tell all of it at once."""

    name: str | None = None
    arguments: str | None = None


class Call(msgspec.Struct, frozen=True):
    """A part of a call. Not every server numbers its calls, and not every one names them."""

    index: int | None = None
    id: str | None = None
    function: Function = Function()


class Said(msgspec.Struct, frozen=True):
    """What is new in a chunk, or all of a message; `reasoning` has two names in the field."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: Sequence[Call] | None = None


class Choice(msgspec.Struct, frozen=True):
    """The one answer. `stop_reason` is vLLM's: the stop sequence that ended it."""

    delta: Said | None = None
    message: Said | None = None
    finish_reason: str | None = None
    stop_reason: object = None


class Details(msgspec.Struct, frozen=True):
    """The parts of the input that a cache had to do with."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class Usage(msgspec.Struct, frozen=True):
    """Tokens; those of the input are all in one."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Details | None = None

    def counted(self) -> Block:
        """The same, in the words of the Messages API: what a cache did is counted apart."""
        details = self.prompt_tokens_details or Details()
        cached, written = details.cached_tokens or 0, details.cache_write_tokens or 0
        return {
            "input_tokens": max(0, (self.prompt_tokens or 0) - cached - written),
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": cached,
            "output_tokens": self.completion_tokens or 0,
        }


class Chunk(msgspec.Struct, frozen=True):
    """A chunk or a completion, or the error that stands in its place."""

    choices: Sequence[Choice] | None = None
    usage: Usage | None = None
    error: object = None


class Completion(Chunk, frozen=True, kw_only=True):
    """A whole completion: it has choices."""

    choices: Sequence[Choice]

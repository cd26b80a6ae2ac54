"""How many tokens a request has, roughly: the CLI cannot count without asking the provider."""

from collections.abc import Mapping
from math import ceil
from typing import Final

import msgspec

from worker.core.prompt import Prompt

_BYTES_A_TOKEN: Final = 3.5
_TOKENS_A_FILE: Final = 1600
_TOKENS_A_MESSAGE: Final = 4


def estimated_tokens(prompt: Prompt) -> int:
    """Err on the high side: who asks wants to know whether a request still fits."""
    texts = sum(_weight(text) for text in prompt.system_texts())
    said = sum(_weight(message.content) + _TOKENS_A_MESSAGE for message in prompt.messages)
    return ceil(texts + said + sum(_weight(tool) for tool in prompt.tools))


def tokens_of_bytes(size: int) -> int:
    """The tokens of so much text."""
    return ceil(size / _BYTES_A_TOKEN)


def _weight(value: object) -> float:
    match value:
        case str():
            return len(value.encode()) / _BYTES_A_TOKEN
        case list():
            return sum(_weight(item) for item in value)
        case {"source": _}:
            return _TOKENS_A_FILE
        case {"text": str() as text}:
            return _weight(text)
        case Mapping():
            return len(msgspec.json.encode(value)) / _BYTES_A_TOKEN
        case _:
            return 0

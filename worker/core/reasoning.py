"""Thinking as an opaque string: a client sends it back, and the provider gets what it signed."""

import binascii
from base64 import b64decode, b64encode
from typing import Final

import msgspec

from worker.core.message import Block

THOUGHTS: Final = ("thinking", "redacted_thinking")
_block = msgspec.json.Decoder(Block)


def sealed(block: Block) -> str:
    """A block of thinking as a string."""
    return b64encode(msgspec.json.encode(block)).decode()


def opened(text: str | None) -> Block | None:
    """The block that was sealed; None for whatever is not ours."""
    try:
        block = _block.decode(b64decode(text or "", validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return None
    return block if block.get("type") in THOUGHTS else None

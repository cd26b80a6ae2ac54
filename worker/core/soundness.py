"""What of a conversation the CLI would choke on, or quietly put something else in the place of.

A provider refuses the same, but it never gets to see it: so it is refused here.
"""

import binascii
from collections.abc import Iterable, Iterator
from typing import Final

from worker.core.history import Conversation
from worker.core.message import Block
from worker.errors import BadRequestError

_HEAD: Final = 16
"""Base64 digits that hold the longest signature."""
_SIGNATURES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")


def check(conversation: Conversation) -> None:
    """Raise `BadRequestError` for what is no text, no image, or half of a call and its result."""
    called: set[str] = set()
    for turn in (*conversation.past, conversation.last):
        for block in _every(turn.blocks):
            _check_block(block)
        if turn.role == "user":
            _check_results(called, turn.blocks)
        called = _ids(turn.blocks, "tool_use", "id")


def _check_results(called: set[str], blocks: Iterable[Block]) -> None:
    given = _ids(blocks, "tool_result", "tool_use_id")
    if called - given:
        raise BadRequestError("messages: each `tool_use` needs its `tool_result` in the next turn")
    if given - called:
        raise BadRequestError("messages: a `tool_result` answers no `tool_use` of the turn before")


def _ids(blocks: Iterable[Block], kind: str, name: str) -> set[str]:
    return {str(block.get(name)) for block in blocks if block.get("type") == kind}


def _every(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks of a turn and those within the results of tools."""
    for block in blocks:
        yield block
        if isinstance(inner := block.get("content"), list):
            yield from (one for one in inner if isinstance(one, dict))


def _check_block(block: Block) -> None:
    match block:
        case {"type": "text", "text": str()}:
            return
        case {"type": "text"}:
            raise BadRequestError("messages: the `text` of a text block must be a string")
        case {"type": "image", "source": {"type": "base64", "data": str(data)}}:
            if not _is_image(data):
                raise BadRequestError("messages: an image must be PNG, JPEG, GIF or WebP")
        case _:
            return


def _is_image(data: str) -> bool:
    try:
        head = binascii.a2b_base64(data[:_HEAD])
    except binascii.Error:
        return False
    return head.startswith(_SIGNATURES) or (head[:4], head[8:12]) == (b"RIFF", b"WEBP")

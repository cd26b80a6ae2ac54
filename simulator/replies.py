"""The text of an answer: a pure function of the request, so that a test can foretell it."""

import hashlib
import re

from simulator.prompt import Block, Request

_SYLLABLES = "badofikulamenopirasotuvawexiyoza"
_REMEMBER = re.compile(r"remember the word\W+(\w+)", re.IGNORECASE)
_RECALL = re.compile(r"(which|what)\b.*\bword\b", re.IGNORECASE)


def reply_to(request: Request, said: str, tokens: int) -> str:
    """Answer what was `said`, the last user text; in `tokens` words where it asks for nothing."""
    content = request.last_user().blocks()
    before, say, echo = said.partition("say: ")
    if say and (not before or before.endswith("\n")):
        return echo
    if results := [block.texts() for block in content if block.type == "tool_result"]:
        return "The tool answered: " + " / ".join(results)
    if told := "word" in said and _REMEMBER.search(said):
        return f"I will remember {told[1]}."
    if "word" in said and _RECALL.search(said):
        return _recall(request)
    if seen := [_describe(block) for block in content if block.type in {"image", "document"}]:
        return f"I see {', '.join(seen)}."
    return prose(said, tokens)


def prose(seed: str, words: int) -> str:
    """So many words of one token each; the same for the same seed."""
    return " ".join(_word(byte) for byte in hashlib.shake_256(seed.encode()).digest(words))


def _word(byte: int) -> str:
    first, second = (byte >> 4) * 2, (byte & 15) * 2
    return _SYLLABLES[first : first + 2] + _SYLLABLES[second : second + 2]


def _recall(request: Request) -> str:
    texts = (message.text() for message in request.messages if message.role == "user")
    words = [word for text in texts for word in _REMEMBER.findall(text)]
    return f"The word is {words[-1]}." if words else "I was told no word."


def _describe(block: Block) -> str:
    source = block.source
    if source is None or source.type != "base64":
        return f"{block.type} {source.url if source else 'without a source'}"
    size = len(source.data) * 3 // 4 - source.data[-2:].count("=")
    return f"{block.type} {source.media_type} of {size} bytes"

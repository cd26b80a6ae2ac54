"""One JSON object out of words that may stand around it."""

import re
from typing import Final

_OPENING: Final = "{"
_MARKS: Final = re.compile(r'["\\{}\[\]]')


class JsonOnly:
    """Takes text in pieces and gives the first JSON object in it, as it comes.

    Models like to fence or to introduce it. `rest` gives back all that was said where there was no
    object in it: an answer is never made to vanish.
    """

    def __init__(self) -> None:
        self._before: list[str] = []
        self._depth = 0
        self._quoted = False
        self._escaped = -1
        self._ended = False

    def feed(self, piece: str) -> str:
        """What of this piece belongs to the object."""
        begin = 0 if self._depth else piece.find(_OPENING)
        if self._ended or begin < 0:
            self._before.append(piece)
            return ""
        for mark in _MARKS.finditer(piece, begin):
            self._step(mark[0], mark.start())
            if not self._depth:
                self._ended = True
                return piece[begin : mark.end()]
        self._escaped -= len(piece)
        return piece[begin:]

    def rest(self) -> str:
        """What is left to say at the end."""
        return "" if self._depth or self._ended else "".join(self._before)

    def _step(self, mark: str, at: int) -> None:
        """Take the next character that may mean something, unless it is escaped."""
        if at == self._escaped:
            return
        if self._quoted:
            self._escaped = at + 1 if mark == "\\" else self._escaped
            self._quoted = mark != '"'
        elif mark == '"':
            self._quoted = True
        elif mark != "\\":
            self._depth += 1 if mark in "{[" else -1


def json_only(words: str) -> str:
    """The same of a whole text."""
    reader = JsonOnly()
    return reader.feed(words) + reader.rest()

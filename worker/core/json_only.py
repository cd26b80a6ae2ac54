"""One JSON object out of words that may stand around it."""

from typing import Final

_OPENING: Final = "{"


class JsonOnly:
    """Takes text in pieces and gives the first JSON object in it, as it comes.

    Models like to fence or to introduce it. `rest` gives back all that was said where there was no
    object in it: an answer is never made to vanish.
    """

    def __init__(self) -> None:
        self._before: list[str] = []
        self._depth = 0
        self._quoted = False
        self._escaped = False
        self._ended = False

    def feed(self, piece: str) -> str:
        """What of this piece belongs to the object."""
        if self._ended:
            return ""
        begin = 0
        if not self._depth:
            begin = piece.find(_OPENING)
            if begin < 0:
                self._before.append(piece)
                return ""
        for index in range(begin, len(piece)):
            self._step(piece[index])
            if not self._depth:
                self._ended = True
                return piece[begin : index + 1]
        return piece[begin:]

    def rest(self) -> str:
        """What is left to say at the end."""
        return "" if self._depth or self._ended else "".join(self._before)

    def _step(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif self._quoted:
            self._escaped = char == "\\"
            self._quoted = char != '"'
        elif char == '"':
            self._quoted = True
        elif char in "{[":
            self._depth += 1
        elif char in "}]":
            self._depth -= 1


def json_only(words: str) -> str:
    """The same of a whole text."""
    reader = JsonOnly()
    return reader.feed(words) + reader.rest()

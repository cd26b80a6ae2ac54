"""What every client is asked to do, and how it tells what it saw: one JSON object a line.

Each feature is a function of a connected client. It gives plain values in the same words whatever
the SDK, so that one table says what is right.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

KEY = os.environ["HEADGATE_KEY"]
MODEL = os.environ["HEADGATE_MODEL"]
PIXEL = os.environ["HEADGATE_PIXEL"]
WAYS = json.loads(os.environ["HEADGATE_WAYS"])

SAY = "say: one two three four five"
CALL = '[[sim:tool=see {"at": "lake"}]] [[sim:tool=see {"at": "shore"}]]'
LIMITED = "[[sim:fault=throttled]]"
WRONG = "[[sim:fault=400]]"
CUT = "[[sim:tokens=60 rate=100]] [[sim:fault=cut]]"
PLACE = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}


def see(at: str) -> str:
    """What the client's own tool finds."""
    return f"a heron at the {at}"


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def refusal(ask: Callable[[], object]) -> object:
    """The status of the exception that asking raises."""
    try:
        return {"answered": str(ask())}
    except Exception as error:  # noqa: BLE001  whichever this client raises
        return getattr(error, "status_code", repr(error))


def broken(stream: Callable[[], object]) -> object:
    """Whether a stream that breaks is told to whoever reads it."""
    try:
        return {"ended": str(stream())}
    except Exception:  # noqa: BLE001  whichever this client raises
        return "raised"


def play(version: str, connect: Callable[[str], object], features: Mapping[str, Callable]) -> None:
    """Try every feature over every way, the ways side by side, and tell what came of it."""

    def over(way: str) -> None:
        client = connect(WAYS[way])
        for name, feature in features.items():
            try:
                saw = feature(client)
            except Exception as error:  # noqa: BLE001  told, and then judged
                saw = repr(error)
            told = {"version": version, "way": way, "feature": name, "saw": saw}
            sys.stdout.write(json.dumps(told) + "\n")

    with ThreadPoolExecutor() as pool:
        list(pool.map(over, WAYS))

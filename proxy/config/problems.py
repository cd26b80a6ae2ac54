"""What is wrong with a configuration, and where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import ErrorDetails


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """`path` leads to the value as one would write it: `accounts[1].url`; "" is the file."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(Exception):
    """The configuration cannot be used; `problems` is all that is wrong with it.

    `files` as in `Settings`: a change of any of them may mend it.
    """

    def __init__(
        self, problems: Sequence[Problem], files: Mapping[Path, str] | None = None
    ) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
        self.files = files or {}


def path_of(steps: Sequence[str | int]) -> str:
    """Write the way to a value: `("accounts", 1, "url")` is `accounts[1].url`."""
    named = (s for s in steps if s != "[key]")  # pydantic's word for the key itself
    return "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in named).removeprefix(".")


def problem_of(error: ErrorDetails) -> Problem:
    """What pydantic found, in our words."""
    match error["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            message = "unknown key"
        case "missing":
            message = "is missing"
        case _:
            message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return Problem(path_of(error["loc"]), message)

"""`${NAME}` in the configuration stands for a variable of the environment."""

import os
import re
from typing import Any

from proxy.config.document import REFERENCE
from proxy.config.problems import Problem, path_of


def expand(document: dict[str, Any], missing: list[Problem]) -> dict[str, Any]:
    """Put the variables in; `missing` gets a problem for each that is not there."""
    expanded: dict[str, Any] = _expand(document, (), missing)
    return expanded


def _expand(value: Any, path: tuple[str | int, ...], missing: list[Problem]) -> Any:
    match value:
        case dict():
            return {key: _expand(item, (*path, key), missing) for key, item in value.items()}
        case list():
            return [_expand(item, (*path, i), missing) for i, item in enumerate(value)]
        case str():
            return REFERENCE.sub(lambda found: _variable(found[1], path, missing), value)
        case _:
            return value


def _variable(name: str, path: tuple[str | int, ...], missing: list[Problem]) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        missing.append(Problem(path_of(path), f"{name!r} is not the name of a variable"))
        return ""
    if name not in os.environ:
        missing.append(Problem(path_of(path), f"the variable {name} is not set"))
    return os.environ.get(name, "")

"""YAML without its surprises: one mapping, no key twice, `${NAME}` anywhere a value may stand."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from proxy.config.problems import ConfigError, Problem

REFERENCE = re.compile("\ue000([^\ue001]*)\ue001")
"""How `${NAME}` looks inside a parsed document: YAML would take its braces for a mapping."""

_KEY_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"}


def parse_yaml(text: str) -> dict[str, Any]:
    """Parse a document whose top is a mapping. Raises ConfigError."""
    marked = re.sub(r"\$\{([^}\n]*)\}", "\ue000\\1\ue001", text)
    try:
        document = yaml.load(marked, _Loader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError([Problem("", _where(error))]) from None
    if not isinstance(document, dict):
        raise ConfigError([Problem("", "should be a mapping such as `accounts: [...]`")])
    return document


class _Loader(yaml.SafeLoader):
    """A SafeLoader that refuses what YAML leaves to chance."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        """As the parent, but a key that is no string, or stands twice, is an error."""
        seen = set()
        for key, _ in node.value:
            if key.tag not in _KEY_TAGS or key.value in seen:
                message = f"key {key.value!r} stands here twice, or is not text"
                raise yaml.constructor.ConstructorError(None, None, message, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "is not YAML"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else str(problem)

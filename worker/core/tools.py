"""The client's own tools as the CLI knows them: those of a tool server called `c`.

The CLI drops a whole server, and says nothing, if one definition of it is odd. So what it would
not take is refused here.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

SERVER: Final = "c"
_PREFIX: Final = f"mcp__{SERVER}__"
_LONGEST: Final = 128 - len(_PREFIX)
_NAME: Final = re.compile(rf"[a-zA-Z0-9_-]{{1,{_LONGEST}}}")


class Toolbox:
    """The definitions that a request offers, and the two names each tool has."""

    def __init__(self, definitions: Sequence[Mapping[str, object]] = ()) -> None:
        self.definitions = definitions
        self._names = {str(tool["name"]) for tool in definitions}

    def __bool__(self) -> bool:
        return bool(self.definitions)

    def client_name(self, cli_name: str) -> str | None:
        """The name the client gave, or None for a tool that it did not offer."""
        name = cli_name.removeprefix(_PREFIX)
        return name if name in self._names and name != cli_name else None

    def missing(self, offered: Collection[str]) -> list[str]:
        """The tools, by the client's names, that are not among those the CLI offers."""
        return sorted(name for name in self._names if cli_name(name) not in offered)

    def listing(self) -> list[dict[str, object]]:
        """The definitions as the tool server tells them."""
        return [
            {
                "name": tool["name"],
                "description": tool.get("description") or "",
                "inputSchema": tool.get("input_schema", {"type": "object"}),
            }
            for tool in self.definitions
        ]


def oddity(tools: Sequence[Mapping[str, object]]) -> str | None:
    """What is wrong with the definitions, with its place, or None."""
    names: set[object] = set()
    for index, tool in enumerate(tools):
        name, schema = tool.get("name"), tool.get("input_schema", {"type": "object"})
        if tool.get("type", "custom") not in ("custom", None):
            return f"{index}.type: {tool['type']!r} is not served by this engine"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            return f"{index}.name: must be 1 to {_LONGEST} letters, digits, underscores or hyphens"
        if name in names:
            return f"{index}.name: is there twice"
        if not isinstance(tool.get("description", ""), str | None):
            return f"{index}.description: must be a string"
        if not _is_object_schema(schema):
            return f"{index}.input_schema: must be the JSON schema of an object"
        names.add(name)
    return None


def _is_object_schema(schema: object) -> bool:
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        return False
    properties, required = schema.get("properties", {}), schema.get("required", [])
    return (
        isinstance(properties, Mapping)
        and all(isinstance(inner, Mapping | bool) for inner in properties.values())
        and isinstance(required, list)
        and all(isinstance(name, str) for name in required)
    )


def cli_name(name: str) -> str:
    """The name under which the CLI offers a tool to the model."""
    return _PREFIX + name

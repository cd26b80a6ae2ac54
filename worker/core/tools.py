"""The client's own tools as the CLI knows them: those of a tool server called `c`."""

from collections.abc import Mapping, Sequence
from typing import Final

SERVER: Final = "c"
_PREFIX: Final = f"mcp__{SERVER}__"


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

    def listing(self) -> list[dict[str, object]]:
        """The definitions as the tool server tells them."""
        return [
            {
                "name": tool["name"],
                "description": tool.get("description", ""),
                "inputSchema": tool.get("input_schema", {"type": "object"}),
            }
            for tool in self.definitions
        ]


def cli_name(name: str) -> str:
    """The name under which the CLI offers a tool to the model."""
    return _PREFIX + name

"""docs/compatibility.md: a row for each client, written by the run that saw it."""

from collections.abc import Collection
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/compatibility.md"
FEATURES = (
    "answer",
    "stream",
    "tools",
    "image",
    "429",
    "400",
    "broken stream",
    "count tokens",
    "models",
    "responses",
)


def row(client: str, version: str, seen: Collection[str]) -> str:
    """What a client was seen doing, as a line of the page."""
    cells = (client, version, *("yes" if name in seen else "" for name in FEATURES))
    return f"| {' | '.join(cells)} |"


def rows() -> dict[str, str]:
    """The lines of the page by client."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    return {line.split("|")[1].strip(): line for line in lines}


def write(client: str, line: str) -> None:
    """Put a client's line into the page, in the place of its old one or below the others."""
    page = PAGE.read_text().splitlines()
    table = [index for index, text in enumerate(page) if text.startswith("|")]
    own = [index for index in table if page[index].startswith(f"| {client} |")]
    at = own[0] if own else table[-1] + 1
    page[at : at + len(own)] = [line]
    PAGE.write_text("\n".join(page) + "\n")

"""Clients in a file of their own, as they stand there: digests of keys, never the keys."""

from pathlib import Path
from typing import Any

from proxy.config.document import parse_yaml
from proxy.config.problems import ConfigError


def raw_clients(path: Path) -> list[Any]:
    """What the file lists. Raises ValueError, which says why it cannot be read."""
    try:
        document = parse_yaml(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ValueError(f"cannot read {path}: {reason}") from None
    except ConfigError as error:
        raise ValueError(f"{path}: {error}") from None
    clients = document.get("clients")
    if set(document) != {"clients"} or not isinstance(clients, list):
        raise ValueError(f"{path}: should be a mapping such as `clients: [...]`")
    return clients

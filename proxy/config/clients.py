"""Reads and writes the file of clients that `headgate keys` keeps."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from proxy.config.keys import raw_clients
from proxy.config.problems import ConfigError, Problem, problem_of
from proxy.config.schema import KeyEntry
from proxy.config.settings import Client
from proxy.store.durable import replace_file

_HEAD = "# Kept by `headgate keys`. A proxy that serves takes up changes by itself.\n"
_entries = TypeAdapter(tuple[KeyEntry, ...])


def read_clients(path: Path) -> tuple[Client, ...]:
    """The clients in the file. Raises ConfigError."""
    try:
        return _checked(raw_clients(path))
    except ValueError as error:
        raise ConfigError([Problem("", str(error))]) from None


def write_clients(path: Path, clients: Sequence[Client]) -> None:
    """Replace the file whole, readable by its owner only. Raises ConfigError or OSError."""
    listed = [_written(client) for client in clients]
    _checked(listed)
    text = yaml.safe_dump({"clients": listed}, sort_keys=False)
    replace_file(path, (_HEAD + text).encode())


def _checked(listed: list[Any]) -> tuple[Client, ...]:
    try:
        return tuple(entry.value() for entry in _entries.validate_python(listed))
    except ValidationError as error:
        problems = [problem_of(each) for each in error.errors(include_input=False)]
        raise ConfigError(problems) from None


def _written(client: Client) -> dict[str, Any]:
    limits = {name: value for name, value in asdict(client.limits).items() if value is not None}
    if client.limits.models is not None:
        limits["models"] = list(client.limits.models)
    return {
        "name": client.name,
        "key_hash": f"sha256:{client.digest.hex()}",
        "priority": str(client.priority),
        "limits": limits,
        "revoked": client.revoked,
    }

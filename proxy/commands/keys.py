"""`headgate keys`: keys for clients. Only their hashes are kept."""

import secrets
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

import click

from proxy.commands.running import CANNOT_RUN, complain

if TYPE_CHECKING:
    from proxy.config import Client
    from proxy.core.quota import ClientLimits

C = TypeVar("C", bound=Callable[..., object])

SHOWN: Final = 8
"""So many digits of a digest tell keys apart, and help nobody to find one."""


def _file_option(command: C) -> C:
    return click.option(
        "--file",
        type=click.Path(dir_okay=False, path_type=Path),
        default="clients.yaml",
        show_default=True,
        help="The file that `clients_file` names in the configuration.",
    )(command)


@click.group()
def keys() -> None:
    """Make, add, list and revoke keys of clients."""


@keys.command()
def new() -> None:
    """Print a fresh key, and its hash for `key_hash`. It is stored nowhere."""
    key = new_key()
    click.echo(f"key:      {key}")
    click.echo(f"key_hash: sha256:{_digest(key).hex()}")


@keys.command()
@click.argument("name")
@_file_option
@click.option("--priority", type=click.Choice(["interactive", "batch"]), default="interactive")
@click.option("--concurrency", type=click.IntRange(1), help="Requests at once.")
@click.option("--requests-per-minute", type=click.FloatRange(0, min_open=True))
@click.option("--burst", type=click.IntRange(1), help="Requests in one moment.")
@click.option("--tokens-per-day", type=click.IntRange(1))
@click.option("--model", "models", multiple=True, help="A family or a name; may be repeated.")
def add(name: str, file: Path, priority: str, models: tuple[str, ...], **limits: int) -> None:
    """Add the client NAME, and print its key: it is shown this once."""
    from proxy.config import Client, Priority
    from proxy.core.quota import ClientLimits

    clients = _read(file) if file.exists() else ()
    if any(client.name == name for client in clients):
        _end(f"{name}: there is such a client already")
    key, allowed = new_key(), ClientLimits(**limits, models=models or None)
    _write(file, (*clients, Client(name, _digest(key), Priority(priority), allowed)))
    click.echo(f"key: {key}")


@keys.command("list")
@_file_option
def list_clients(file: Path) -> None:
    """Show the clients, each with the beginning of its key's hash."""
    for client in _read(file):
        state = "revoked" if client.revoked else client.priority
        digest = client.digest.hex()[:SHOWN]
        click.echo(f"{client.name:<24} {digest}  {state:<11}  {_worded(client.limits)}")


@keys.command()
@click.argument("name")
@_file_option
def revoke(name: str, file: Path) -> None:
    """Refuse the key of the client NAME from now on."""
    from dataclasses import replace

    clients = _read(file)
    if all(client.name != name for client in clients):
        _end(f"{name}: there is no such client")
    _write(file, [replace(one, revoked=one.revoked or one.name == name) for one in clients])
    click.echo(f"{name}: revoked")


def new_key() -> str:
    """A key that nobody can guess."""
    return f"hg-{secrets.token_urlsafe(32)}"


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


def _read(file: Path) -> "tuple[Client, ...]":
    from proxy.config import ConfigError, read_clients

    try:
        return read_clients(file)
    except ConfigError as error:
        _end(error)


def _write(file: Path, clients: "Sequence[Client]") -> None:
    from proxy.config import ConfigError, write_clients

    try:
        write_clients(file, clients)
    except ConfigError as error:
        _end(error)
    except OSError as error:
        _end(f"{file}: {error.strerror}")


def _worded(limits: "ClientLimits") -> str:
    from dataclasses import asdict

    told = {name: value for name, value in asdict(limits).items() if value is not None}
    told |= {"models": ",".join(limits.models)} if limits.models else {}
    return " ".join(f"{name}={value}" for name, value in told.items()) or "no limits"


def _end(message: object) -> NoReturn:
    complain(message)
    sys.exit(CANNOT_RUN)

"""`headgate keys`: keys for clients, and the hashes that a configuration may hold instead."""

import secrets
from hashlib import sha256

import click


@click.group()
def keys() -> None:
    """Make keys for clients."""


@keys.command()
def new() -> None:
    """Print a fresh key, and its hash for `key_hash`. It is stored nowhere."""
    key = new_key()
    click.echo(f"key:      {key}")
    click.echo(f"key_hash: sha256:{sha256(key.encode()).hexdigest()}")


def new_key() -> str:
    """A key that nobody can guess."""
    return f"hg-{secrets.token_urlsafe(32)}"

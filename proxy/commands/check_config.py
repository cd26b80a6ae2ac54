"""`headgate check-config`: whether a configuration would be taken; if not, all that is wrong."""

import sys
from pathlib import Path

import click


@click.command("check-config")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def check_config(file: Path) -> None:
    """Print every problem of FILE.

    Each is a line that begins with its path. Nothing is started.
    """
    from proxy.config import ConfigError, load

    try:
        settings = load(file)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(problem)
        sys.exit(1)
    for warning in settings.warnings:
        click.echo(f"warning: {warning}")
    accounts = len(settings.accounts) + len(settings.logins)
    found = f" and those at {settings.discovery.dns}" if settings.discovery else ""
    clients = _count(len(settings.clients), "client")
    click.echo(f"ok: {_count(accounts, 'account')}{found}, {clients}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

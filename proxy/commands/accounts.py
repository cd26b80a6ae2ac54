"""`headgate accounts`: take an account out of service and back, on a running proxy."""

import json
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import click

from proxy.commands.admin_port import admin_options, ask_admin
from proxy.commands.running import CANNOT_RUN, complain


@click.group()
def accounts() -> None:
    """Drain, enable and wake accounts of a running proxy."""


def _command(action: str, about: str) -> Callable[..., None]:
    @accounts.command(action, help=about)
    @click.argument("name")
    @admin_options
    def act(name: str, admin: str, token_file: Path | None) -> None:
        path = f"/admin/api/accounts/{quote(name, safe='')}/{action}"
        status, body = ask_admin(admin, token_file, "POST", path)
        told = json.loads(body) if body.startswith(b"{") else {}
        if status != HTTPStatus.OK:
            complain(f"{name}: {told.get('error', status)}")
            sys.exit(CANNOT_RUN)
        already = "" if told["changed"] else " (already so)"
        click.echo(f"{name}: {told['effect']}{already}")

    return act


drain = _command("drain", "Let NAME finish what it does, and send it nothing new.")
enable = _command("enable", "End what `drain` began.")
wake = _command("wake", "End a rest of NAME before its time: it is known to be well again.")

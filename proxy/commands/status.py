"""`headgate status`: the accounts of a running proxy, as a table or as JSON."""

import sys
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.commands.admin_port import admin_options, ask_admin
from proxy.commands.running import CANNOT_RUN, complain

if TYPE_CHECKING:
    from rich.table import Table

    from proxy.admin import AccountsView, AccountView
    from proxy.core.account import Window

_COLOURS = {"ready": "green", "probation": "yellow", "burst": "yellow"}


@click.command()
@admin_options
@click.option("--json", "as_json", is_flag=True, help="What the admin port says, unchanged.")
def status(*, admin: str, token_file: Path | None, as_json: bool) -> None:
    """Show how each account stands.

    Its state, why, until when, what it carries, and how much of its windows is used.
    """
    code, body = ask_admin(admin, token_file, "GET", "/admin/api/accounts")
    if code != HTTPStatus.OK:
        complain(f"{admin}: {code} {HTTPStatus(code).phrase}")
        sys.exit(CANNOT_RUN)
    if as_json:
        click.echo(body)
        return
    import msgspec
    from rich.console import Console

    from proxy.admin import AccountsView

    view = msgspec.json.decode(body, type=AccountsView)
    Console().print(_table(view))
    for refused in view.duplicates:
        complain(f"{refused.address} names {refused.account}, which {refused.holder} serves")


def _table(view: "AccountsView") -> "Table":
    from rich.table import Table

    table = Table("account", "state", "why", "until", "in flight", "windows", box=None)
    for account in view.accounts:
        table.add_row(*_cells(account, view.now))
    return table


def _cells(account: "AccountView", now: float) -> Iterator[str]:
    colour = _COLOURS.get(account.state, "red")
    yield account.name
    yield f"[{colour}]{account.state}[/]"
    yield ", ".join(_reasons(account, now))
    yield countdown(account.until - now) if account.until else ""
    yield f"{account.in_flight}/{account.limit}"
    yield _windows(account.windows, now)


def _reasons(account: "AccountView", now: float) -> Iterator[str]:
    """Why it rests, and which model families rest on it."""
    if account.reason:
        yield account.reason
    for family, rest in account.cooldowns.items():
        if family != "*" and rest.until > now:
            yield f"{family}: {rest.reason} ({countdown(rest.until - now)})"


def _windows(windows: Sequence["Window"], now: float) -> str:
    return ", ".join(
        f"{window.name} {window.utilization:.0%}"
        + (f" ({countdown(window.resets_at - now)})" if window.resets_at else "")
        for window in windows
    )


def countdown(seconds: float) -> str:
    """Seconds in the two units that matter: `2h05m`, `4m10s`, `9s`."""
    left = max(0, round(seconds))
    minutes, hours, days = left // 60, left // 3600, left // 86400
    if days:
        return f"{days}d{hours % 24:02}h"
    if hours:
        return f"{hours}h{minutes % 60:02}m"
    return f"{minutes}m{left % 60:02}s" if minutes else f"{left}s"

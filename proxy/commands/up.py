"""`headgate up`: the proxy together with workers on this machine, or a demo of it."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.commands.login import default_state_dir, state_dir_option
from proxy.commands.running import (
    CANNOT_RUN,
    complain,
    config_option,
    read_settings,
    run_to_the_end,
)

if TYPE_CHECKING:
    from proxy.commands.demo import Demo
    from proxy.commands.fleet import Fleet
    from proxy.config import Settings


@click.command()
@config_option
@state_dir_option
@click.option(
    "--demo",
    is_flag=False,
    flag_value="best",
    type=click.Choice(["best", "cli", "api"]),
    help="A simulated fleet, on the claude CLI if there is one, or on the engine named here.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="For clients, instead of 8080.")
@click.option("--admin-port", type=click.IntRange(0, 65535), help="For operators.")
def up(
    config: Path | None,
    state_dir: Path | None,
    demo: str | None,
    port: int | None,
    admin_port: int | None,
) -> None:
    """Serve with workers on this machine.

    Each account of the configuration that has `login` gets one. A change of the file takes effect
    at once, save that of a login.

    Without a configuration: a demo of three accounts with a simulated provider.
    """
    if config is None or demo:
        _up_demo(demo or "best", port, admin_port)
    else:
        settings = _on_ports(read_settings(config), port, admin_port)
        _run(settings, state_dir or default_state_dir(config), config=config)


def _up_demo(engine: str, port: int | None, admin_port: int | None) -> None:
    from proxy.commands.demo import make_demo
    from proxy.commands.ports import free_port
    from proxy.config import Address

    with tempfile.TemporaryDirectory(prefix="headgate-demo-") as folder:
        demo = make_demo(Address("127.0.0.1", free_port()), Path(folder), engine)
        settings = _on_ports(demo.settings, port, admin_port)
        _run(settings, Path(folder), demo)


def _run(
    settings: "Settings",
    state_dir: Path,
    demo: "Demo | None" = None,
    config: Path | None = None,
) -> None:
    from proxy.commands.fleet import make_fleet
    from proxy.commands.local import held

    try:
        with held(state_dir):
            fleet = make_fleet(settings, state_dir, [demo.simulator] if demo else ())
            read = None if config is None else partial(_reread, config, settings, fleet)
            run_to_the_end(fleet.run(_announcer(fleet, demo), read))
    except OSError as error:
        complain(error.strerror or error)
        sys.exit(CANNOT_RUN)


def _reread(config: Path, started: "Settings", fleet: "Fleet") -> "Settings":
    from proxy.config import load

    return fleet.adapt(load(config), started)


def _on_ports(settings: "Settings", port: int | None, admin_port: int | None) -> "Settings":
    listen, admin = settings.listen, settings.admin
    if port is not None:
        listen = replace(listen, port=port)
    if admin_port is not None:
        admin = replace(admin, listen=replace(admin.listen, port=admin_port))
    return replace(settings, listen=listen, admin=admin)


def _announcer(fleet: "Fleet", demo: "Demo | None") -> Callable[[Sequence[str]], None]:
    def announce(missing: Sequence[str]) -> None:
        for name in missing:
            complain(f"{name} does not listen yet")
        endpoint = f"http://{fleet.settings.listen}"
        click.echo(f"endpoint: {endpoint}")
        click.echo(f"admin:    http://{fleet.settings.admin.listen}/admin/api/accounts")
        if demo:
            click.echo(_guide(endpoint, demo))

    return announce


def _guide(endpoint: str, demo: "Demo") -> str:
    kind = "the claude CLI" if demo.engine == "cli" else "plain API keys"
    return f"""\
key:      {demo.key}
workers:  {len(demo.settings.logins)}, on {kind}, with a simulated provider

curl -N {endpoint}/v1/messages -H 'x-api-key: {demo.key}' -H 'content-type: application/json' \\
  -d '{{"model": "claude-sonnet-5-5", "max_tokens": 200, "stream": true,
       "messages": [{{"role": "user", "content": "Hello"}}]}}'
"""

"""`headgate login NAME`: the CLI's own login, in the folder of one account."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.commands.running import CANNOT_RUN, complain, config_option, read_settings

if TYPE_CHECKING:
    from proxy.config import Login, Settings

state_dir_option = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where logins are kept; default: headgate-state beside the configuration.",
)


@click.command()
@click.argument("name")
@config_option
@state_dir_option
@click.option("--console", is_flag=True, help="Bill API usage instead of a subscription.")
@click.option("--sso", is_flag=True, help="Log in with SSO.")
def login(name: str, config: Path | None, state_dir: Path | None, **flags: bool) -> None:
    """Log in to the account NAME.

    The configuration must give it `login: oauth`. The claude CLI does the rest, on this terminal.
    """
    if config is None:
        raise click.UsageError("--config FILE is needed.")
    account = _account(read_settings(config), name)
    from proxy.commands.local import Home

    home = Home.of(account.name, state_dir or default_state_dir(config))
    options = [f"--{flag}" for flag, given in flags.items() if given]
    if not _claude(account, home.config_dir, home.home, ["auth", "login", *options]):
        complain(f"{name}: the login did not succeed")
        sys.exit(CANNOT_RUN)
    _claude(account, home.config_dir, home.home, ["auth", "status", "--text"])


def default_state_dir(config: Path) -> Path:
    """The folder of logins that belongs to a configuration."""
    return config.absolute().parent / "headgate-state"


def _account(settings: "Settings", name: str) -> "Login":
    from proxy.config import LoginMethod

    for found in settings.logins:
        if found.name == name and found.method is LoginMethod.OAUTH:
            return found
    raise click.BadParameter(f"no account {name!r} with `login: oauth`", param_hint="NAME")


def _claude(account: "Login", config_dir: Path, home: Path, arguments: list[str]) -> bool:
    """Run the CLI on the terminal, with this account's folder and no credential of anyone."""
    from proxy.commands.claude import command_of, plain_environment

    environment = {**plain_environment(), "HOME": str(home), "CLAUDE_CONFIG_DIR": str(config_dir)}
    command = [command_of(account), *arguments]
    return subprocess.run(command, env=environment, check=False).returncode == 0  # noqa: S603

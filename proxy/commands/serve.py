"""`headgate serve`: the proxy in front of workers that run elsewhere."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.commands.running import config_option, read_settings, run_to_the_end

if TYPE_CHECKING:
    from proxy.config import Settings


@click.command()
@config_option
def serve(config: Path | None) -> None:
    """Serve the accounts of a configuration.

    SIGTERM and SIGINT let what runs finish; a second one does not. SIGHUP, or a change of the
    file, takes the new configuration into use.
    """
    if config is None:
        raise click.UsageError("--config FILE is needed; `headgate up` shows a demo without one.")
    settings = read_settings(config, _load)
    from proxy.process import run

    run_to_the_end(run(settings, read=partial(_load, config)))


def _load(config: Path) -> "Settings":
    """As `load`, but every account has its worker already."""
    from proxy.config import ConfigError, Problem, load

    settings = load(config)
    if settings.logins:
        names = ", ".join(login.name for login in settings.logins)
        text = f"{names}: accounts with `login` are for `headgate up`; serve needs a `url`"
        raise ConfigError([Problem("", text)], settings.files)
    return settings

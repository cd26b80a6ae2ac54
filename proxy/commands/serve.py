"""`headgate serve`: the proxy in front of workers that run elsewhere."""

import sys
from pathlib import Path

import click

from proxy.commands.running import (
    BAD_CONFIG,
    complain,
    config_option,
    read_settings,
    run_to_the_end,
)


@click.command()
@config_option
def serve(config: Path | None) -> None:
    """Serve the accounts of a configuration.

    SIGTERM and SIGINT let what runs finish; a second one does not.
    """
    if config is None:
        raise click.UsageError("--config FILE is needed; `headgate up` shows a demo without one.")
    settings = read_settings(config)
    if settings.logins:
        names = ", ".join(login.name for login in settings.logins)
        complain(f"{names}: accounts with `login` are for `headgate up`; serve needs a `url`")
        sys.exit(BAD_CONFIG)
    from proxy.app import run

    run_to_the_end(run(settings))

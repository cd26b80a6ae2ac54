"""What commands share: reading the configuration, running until the end, complaining."""

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from proxy.config import Settings

BAD_CONFIG = 2
CANNOT_RUN = 1
INTERRUPTED = 130

config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="HEADGATE_CONFIG",
    metavar="FILE",
    help="The YAML file with clients and accounts.",
)


def complain(message: object) -> None:
    """Say what is wrong in a line of its own."""
    click.echo(f"headgate: {message}", err=True)


def read_settings(config: Path, read: "Callable[[Path], Settings] | None" = None) -> "Settings":
    """The settings, or the end of the command with a line for each problem."""
    from proxy.config import ConfigError, load

    try:
        settings = (read or load)(config)
    except ConfigError as error:
        for problem in error.problems:
            complain(problem)
        sys.exit(BAD_CONFIG)
    for warning in settings.warnings:
        complain(f"warning: {warning}")
    return settings


def run_to_the_end(main: Coroutine[object, object, None]) -> None:
    """Run it on uvloop; what the system refuses is one line and an exit code."""
    import uvloop

    try:
        uvloop.run(main)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (OSError, ExceptionGroup) as error:
        cause = _innermost(error)
        if not isinstance(cause, OSError):
            raise
        complain(cause.strerror or cause)
        sys.exit(CANNOT_RUN)


def _innermost(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error

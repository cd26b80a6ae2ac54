"""The `headgate-worker` command."""

import sys
from pathlib import Path

import click


@click.command()
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="YAML settings; HEADGATE_WORKER_* stand above them.",
)
@click.option("--listen", metavar="HOST:PORT", help="Stands above the settings.")
def main(file: Path | None, listen: str | None) -> None:
    """Serve one account: the Messages API over its login, and GET /state."""
    import uvloop

    from worker.app import configure_logs, serve
    from worker.config import ConfigError, load
    from worker.errors import WorkerError

    try:
        settings = load(file, listen=listen)
        configure_logs()
        uvloop.run(serve(settings, lambda url: _announce(settings.account, url)))
    except ConfigError as exc:
        sys.exit("\n".join(f"headgate-worker: {problem}" for problem in exc.problems))
    except (OSError, WorkerError) as exc:
        sys.exit(f"headgate-worker: {exc}")


def _announce(account: str, url: str) -> None:
    click.echo(f"headgate-worker {account} listens on {url}")


if __name__ == "__main__":
    main()

"""The `headgate-simulator` command."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from simulator.config import Config


@click.command()
@click.option("--listen", default="127.0.0.1:9000", show_default=True, metavar="HOST:PORT")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(listen: str, config: Path | None) -> None:
    """Serve a simulated Messages API. Without a configuration any credential is welcome."""
    import uvloop

    from simulator.config import Config, load_config

    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise click.BadParameter(f"{listen} is not HOST:PORT", param_hint="--listen")
    try:
        settings = load_config(config) if config else Config(open=True)
    except msgspec.DecodeError as exc:
        raise click.ClickException(f"{config}: {exc}") from exc
    try:
        uvloop.run(_serve(settings, host.strip("[]"), int(port)))
    except OSError as exc:
        raise click.ClickException(f"cannot listen on {listen}: {exc}") from exc


async def _serve(config: "Config", host: str, port: int) -> None:
    from simulator.server import serving

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serving(config, host, port) as (_, bound):
        click.echo(f"simulator listens on http://{host}:{bound}")
        await stop.wait()


if __name__ == "__main__":
    main()

"""Listening: the simulator's application on a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from simulator.app import make_app
from simulator.config import Config
from simulator.provider import PROVIDER, Provider

_GRACE = 0.2


@asynccontextmanager
async def serving(config: Config, host: str, port: int) -> AsyncIterator[tuple[Provider, int]]:
    """Serve for the body of the `async with`; gives the state and the real port."""
    app = make_app(config)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=_GRACE)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield app[PROVIDER], runner.addresses[0][1]
    finally:
        await runner.cleanup()

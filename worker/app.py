"""The composition root: settings → engine → server; start, drain, stop."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import Final

import structlog
from aiohttp import http_parser, web

from worker.api.gate import Gate
from worker.api.guard import Guard
from worker.api.parts import PARTS, Parts
from worker.api.routes import make_app
from worker.api.settling import Sources
from worker.archive import Archive, ArchiveLimits
from worker.config import ApiSettings, CliSettings, ConfigError, OpenaiSettings, Settings
from worker.engines.base import Engine
from worker.errors import WorkerError
from worker.metrics import Metrics

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_STRAGGLERS: Final = 2.0
"""Seconds for the last words of turns that the end of the drain cut short."""


def make_engine(settings: Settings) -> Engine:
    """The engine that the settings name; the others are not even loaded."""
    match settings:
        case Settings(engine="api", api=ApiSettings() as api):
            from worker.engines.api import ApiEngine

            return ApiEngine(api)
        case Settings(engine="openai", openai=OpenaiSettings() as openai):
            from worker.engines.openai import OpenaiEngine

            return OpenaiEngine(openai)
        case Settings(engine="cli", cli=CliSettings() as cli):
            from worker.engines.cli import CliEngine

            return CliEngine(cli)
        case _:
            raise ConfigError(("engine: its section is missing",))


def make_runner(settings: Settings, engine: Engine) -> web.AppRunner:
    """The server around an engine, ready to be set up."""
    gate = Gate(lambda: engine.state().slots.max)
    guard = Guard(settings.token)
    kept = settings.archive
    archive = Archive(ArchiveLimits(kept.max_bytes, kept.ttl, kept.transcripts), time.time)
    sources = Sources(settings.images, native=engine.name == "api")
    metrics = Metrics(lambda: gate.busy, engine.state)
    app = make_app(Parts(settings, engine, gate, guard, metrics, archive, sources))
    return web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        handler_cancellation=True,
        shutdown_timeout=_STRAGGLERS,
    )


async def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain. `announce` gets the URL once it is served."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise WorkerError("aiohttp runs without its C parser; refusing to serve")
    engine = make_engine(settings)
    runner = make_runner(settings, engine)
    stopping = asyncio.Event()
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        stack.push_async_callback(engine.stop)
        await engine.start()
        await web.TCPSite(runner, settings.listen.host, settings.listen.port).start()
        announce(_url(runner))
        await stopping.wait()
        await _drain(runner.app[PARTS].gate, settings.drain)


def configure_logs() -> None:
    """JSON lines on stderr, one record each whatever the values hold."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


async def _drain(gate: Gate, seconds: float) -> None:
    """Let live turns finish. A second signal ends the wait."""
    loop = asyncio.get_running_loop()
    gate.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds) as limit:
            for number in _SIGNALS:
                loop.add_signal_handler(number, limit.reschedule, loop.time())
            await gate.idle()
    for number in _SIGNALS:
        loop.add_signal_handler(number, gate.close)


def _url(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

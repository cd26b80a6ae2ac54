"""The proxy as a process: it serves until a signal, drains, and ends."""

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

import structlog

from proxy.app import App
from proxy.config import Settings
from proxy.logs import configure_logs

log = structlog.get_logger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Collect garbage seldom, and what has been built by now not at all.

    A request leaves no cycles behind; looking for them after every few cost 11 % of its user time.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


async def run(
    settings: Settings,
    beside: Callable[[App], Coroutine[None, None, None]] | None = None,
    read: Callable[[], Settings] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, drain, and stop; a second signal is fast.

    `beside` runs while the proxy does, and is cancelled with it. `read` reads the settings anew; on
    SIGHUP, too, unless something runs beside: then a terminal that closes ends it all. An
    interrupt comes from a person who waits: it skips the dwell, which is for balancers.
    """
    configure_logs()
    loop = asyncio.get_running_loop()
    stops: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stops.put_nowait, number)
    try:
        async with App(settings, read=read) as app, asyncio.TaskGroup() as group:
            if app.reloader is not None and beside is None:
                loop.add_signal_handler(signal.SIGHUP, app.reloader.ask)
            log.info("listening", data=str(settings.listen), admin=str(settings.admin.listen))
            aside = [group.create_task(beside(app))] if beside else []
            with seldom_collecting():
                first = await stops.get()
            log.info("stopping", signal=first.name)
            draining = group.create_task(app.drain(dwell=first is signal.SIGTERM))
            second = group.create_task(stops.get())
            await asyncio.wait((draining, second), return_when=asyncio.FIRST_COMPLETED)
            for task in (draining, second, *aside):
                task.cancel()
    finally:
        for number in (*STOP_SIGNALS, signal.SIGHUP):
            loop.remove_signal_handler(number)

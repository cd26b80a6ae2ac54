"""The composition root: builds every part of the proxy, starts it, drains it, stops it."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Self

import structlog

from proxy import wiring
from proxy.access_log import AccessLog
from proxy.admin import Admin, AdminServer
from proxy.auth import Authenticator
from proxy.bookkeeper import Bookkeeper
from proxy.capacity import CapacityDesk
from proxy.census import Census
from proxy.config import Settings
from proxy.discovery import Finder
from proxy.edge import Edge
from proxy.forward import Forwarder
from proxy.gateway import Gateway
from proxy.http1.server import Server
from proxy.http1.upstream import Upstreams
from proxy.lineup import Lineup
from proxy.metrics import Metrics
from proxy.operations import Operations
from proxy.pool import AccountPool
from proxy.prober import Prober
from proxy.quota import Quotas
from proxy.recovery import Recovery
from proxy.reload import Reloader
from proxy.storage import storage
from proxy.trial import Trial
from proxy.usage import UsageReports

log = structlog.get_logger(__name__)


class App:
    """The whole proxy. `async with` starts and stops it; `drain` comes before the stop.

    `read` reads the settings anew; without it they stay what they are.
    """

    def __init__(
        self,
        settings: Settings,
        access_log: AccessLog | None = None,
        read: Callable[[], Settings] | None = None,
    ) -> None:
        self.settings = settings
        self.stage: str | None = "starting"
        self.metrics = Metrics(version("headgate"))
        self.access_log = access_log or AccessLog(sys.stdout.buffer)
        self.storage = storage(settings, self.metrics)
        self.store = self.storage.store
        self.pool = AccountPool(
            self.store, settings.accounts, wiring.pool_policy(settings), self.metrics
        )
        self.prober = Prober(self.pool, self.store)
        self.lineup = Lineup(self.pool, self.prober)
        self.finder = Finder(lambda: self.lineup.configured, self.lineup.discover, self.metrics)
        self.books = Bookkeeper(self.storage.ledger, self.metrics, settings.prices, self.pool.now)
        self.upstreams = Upstreams(wiring.upstream_timeouts(settings))
        self.gateway = self._gateway()
        self.recovery = self._recovery()
        self.server = self._server()
        self.reloader = read and Reloader(read, settings, self.adopt, self.metrics)
        self.operators = self._admin()
        self.admin = AdminServer(self.operators.app())
        self._stack = AsyncExitStack()
        self._daemons = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        """Listen. Raises OSError where an address cannot be had; nothing is left behind then."""
        async with AsyncExitStack() as stack:
            stack.callback(self.access_log.flush)
            stack.push_async_callback(self.upstreams.close)
            await stack.enter_async_context(self.storage.open)
            await stack.enter_async_context(self.pool)
            await stack.enter_async_context(self.prober)
            await self.admin.start(self.settings.admin.listen)
            stack.push_async_callback(self.admin.stop)
            await self.server.bind(self.settings.listen.host, self.settings.listen.port)
            stack.push_async_callback(self.server.close)
            self.lineup.configure(self.settings.accounts)
            await stack.enter_async_context(self.finder)
            self.finder.replace(self.settings.discovery)
            await self.prober.surveyed()
            await self.server.listen()
            self.stage = None
            await self._start_daemons(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def adopt(self, settings: Settings) -> None:
        """Serve by these settings from now on, in all that needs no restart, and in one go."""
        self.settings = settings
        self.lineup.configure(settings.accounts)
        self.finder.replace(settings.discovery)
        self.pool.adjust(wiring.pool_policy(settings))
        self.gateway.authenticator.replace(settings.clients)
        self.gateway.budget.adjust(settings.retries.share, settings.retries.floor)
        self.gateway.forwarder.policy = wiring.relay_policy(settings)
        self.gateway.census.expose_account = settings.expose_account
        self.recovery.policy = wiring.recovery_policy(settings)
        self.operators.token = settings.admin.token
        self.books.prices = settings.prices

    async def drain(self, *, dwell: bool) -> None:
        """Turn unready, serve on for the dwell, then let what runs finish, within the limits."""
        self.stage = "draining"
        times = self.settings.timeouts
        self.server.last_answers()
        if dwell:
            await asyncio.sleep(times.drain_dwell)
        left = await self.server.drain(times.drain)
        if left:
            log.warning("drain ended early", requests_left=left)

    @property
    def data_port(self) -> int:
        """The port for clients, also where the configuration says 0."""
        return self.server.port

    @property
    def admin_port(self) -> int:
        """The port for operators."""
        return self.admin.port

    def _gateway(self) -> Gateway:
        settings = self.settings
        forwarder = Forwarder(
            upstreams=self.upstreams,
            ways=self.lineup.ways,
            metrics=self.metrics,
            books=self.books,
            clock=self.pool.now,
            policy=wiring.relay_policy(settings),
            failed=self.prober.hint,
        )
        return Gateway(
            authenticator=Authenticator(settings.clients),
            quotas=Quotas(self.storage.ledger, self.pool.now),
            pool=self.pool,
            forwarder=forwarder,
            capacity=CapacityDesk(self.pool, self.storage.ledger),
            census=Census(self.pool, self.lineup.ways, self.upstreams, settings.expose_account),
            metrics=self.metrics,
            clock=self.pool.now,
            budget=wiring.retry_budget(settings),
        )

    def _recovery(self) -> Recovery:
        trial = Trial(self.pool, self.lineup.ways, self.upstreams)
        models = self.gateway.forwarder.models
        recovery = Recovery(self.pool, self.store, trial.ask, models, self.metrics)
        recovery.policy = wiring.recovery_policy(self.settings)
        return recovery

    def _server(self) -> Server:
        settings = self.settings
        self.metrics.watch_queue(lambda: self.pool.waiting)
        edge = Edge(self.gateway.handle, self.metrics, self.access_log)
        return Server(
            edge, edge.reject, wiring.http_limits(settings), wiring.http_timeouts(settings)
        )

    def _admin(self) -> Admin:
        operations = Operations(
            accounts=lambda: self.lineup.names, store=self.storage.firm, reloader=self.reloader
        )
        return Admin(
            states=self.pool.states,
            stage=lambda: self.stage,
            metrics=self.metrics,
            version=version("headgate"),
            token=self.settings.admin.token,
            last_reload=lambda: self.reloader.last if self.reloader else None,
            duplicates=lambda: self.finder.duplicates,
            notes=lambda: ["store away"] if self.storage.away else [],
            more=[*operations.routes(), *UsageReports(self.books).routes()],
        )

    async def _start_daemons(self, stack: AsyncExitStack) -> None:
        """Start what runs for ever beside the requests; the stack will end it."""
        group = await stack.enter_async_context(asyncio.TaskGroup())
        daemons = [self.metrics.watch_loop(), self.finder.run(), self.recovery.run()]
        if self.reloader is not None:
            daemons.append(self.reloader.run())
        for daemon in daemons:
            stack.callback(group.create_task(daemon).cancel)

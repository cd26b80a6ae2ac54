"""The admin port: is it alive, is it ready, what do the accounts do, and the metrics."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import prometheus_client
from aiohttp import web

from proxy.config import Address
from proxy.core.account import ANY_MODEL, ModelFamily, Window
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.membership import Duplicate
from proxy.guard import HEADERS, answer, guard
from proxy.metrics import Metrics
from proxy.pool import AccountStatus
from proxy.reload import Reload

OUT_OF_SERVICE: Final = frozenset({Reason.NOT_READY, Reason.AUTH, Reason.BILLING, Reason.DRAINED})
"""States that time alone does not end. A limit is not one of them: it is answered honestly."""


class AccountView(msgspec.Struct, frozen=True):
    """An account in the JSON. `until` is when the whole of it may serve again (epoch seconds)."""

    name: str
    state: str
    reason: str | None
    until: float | None
    in_flight: int
    limit: int
    streak: int
    cooldowns: Mapping[ModelFamily, Cooldown]
    windows: Sequence[Window]

    @classmethod
    def of(cls, status: AccountStatus) -> "AccountView":
        """The view of what the pool tells; a rest that is over is none."""
        whole = status.cooldowns.get(ANY_MODEL)
        rest = whole if whole and whole.reason == status.state else None
        return cls(
            name=status.name,
            state=status.state,
            reason=status.detail or (rest.reason if rest else None),
            until=rest.until if rest else None,
            in_flight=status.in_flight,
            limit=status.limit,
            streak=status.streak,
            cooldowns=status.cooldowns,
            windows=status.windows,
        )


class AccountsView(msgspec.Struct, frozen=True):
    """All accounts at one moment (epoch seconds), and the workers that were refused beside them."""

    now: float
    accounts: Sequence[AccountView]
    duplicates: Sequence[Duplicate] = ()


class StatusView(msgspec.Struct, frozen=True):
    """The proxy in the JSON: `reasons` say why it is not ready, `accounts` counts them by state.

    `notes` are what is amiss although it serves, `reload` what came of the latest one, if any.
    """

    version: str
    uptime: float
    ready: bool
    reasons: Sequence[str]
    notes: Sequence[str]
    accounts: Mapping[str, int]
    reload: Reload | None


@dataclass(slots=True, kw_only=True)
class Admin:
    """Serves the operators. Without a token they are on this machine; it may change at any time.

    `stage` is `starting` or `draining`, None while all requests are welcome; `notes` are what is
    amiss although it serves, `more` the routes of others, behind the same guard.
    """

    states: Callable[[], Awaitable[Sequence[AccountStatus]]]
    stage: Callable[[], str | None]
    metrics: Metrics
    version: str
    token: str | None = field(default=None, repr=False)
    last_reload: Callable[[], Reload | None] = lambda: None
    duplicates: Callable[[], Sequence[Duplicate]] = tuple
    notes: Callable[[], Sequence[str]] = tuple
    more: Sequence[web.RouteDef] = ()
    started_at: float = field(default_factory=time.monotonic)

    def app(self) -> web.Application:
        """The application of the admin listener."""
        app = web.Application(middlewares=[guard(lambda: self.token)])
        app.add_routes(
            [
                web.get("/livez", self._live),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._metrics),
                web.get("/admin/api/accounts", self._accounts),
                web.get("/admin/api/status", self._status),
                *self.more,
            ]
        )
        return app

    async def _live(self, _: web.Request) -> web.Response:
        return answer({"live": True})

    async def _ready(self, _: web.Request) -> web.Response:
        reasons = self._reasons(await self.states())
        told = {"ready": not reasons, "reasons": reasons, "notes": self.notes()}
        return answer(told, 503 if reasons else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        states = await self.states()
        text = await asyncio.to_thread(self.metrics.render, states)
        kind = prometheus_client.CONTENT_TYPE_LATEST
        return web.Response(body=text, headers={**HEADERS, "content-type": kind})

    async def _accounts(self, _: web.Request) -> web.Response:
        views = [AccountView.of(status) for status in await self.states()]
        return answer(AccountsView(time.time(), views, self.duplicates()))

    async def _status(self, _: web.Request) -> web.Response:
        states = await self.states()
        reasons = self._reasons(states)
        uptime = time.monotonic() - self.started_at
        counts = Counter(status.state for status in states)
        view = StatusView(
            version=self.version,
            uptime=uptime,
            ready=not reasons,
            reasons=reasons,
            notes=self.notes(),
            accounts=counts,
            reload=self.last_reload(),
        )
        return answer(view)

    def _reasons(self, states: Sequence[AccountStatus]) -> list[str]:
        """Why no request should be sent here; none if there is no reason."""
        stage = self.stage()
        reasons = [] if stage is None else [stage]
        if all(status.state in OUT_OF_SERVICE for status in states):
            reasons.append("no account is in service")
        return reasons


class AdminServer:
    """The listener of the admin port."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=1
        )
        self.port = 0

    async def start(self, address: Address) -> None:
        """Listen; raises OSError where that cannot be, and leaves nothing behind then."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, address.host, address.port).start()
        except OSError:
            await self.stop()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Hang up."""
        await self._runner.cleanup()

"""Answers `GET /v1/capacity`: how much room there is, told to a client that paces itself."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

import msgspec

from proxy.config import Client
from proxy.core.account import AccountState, ModelFamily
from proxy.core.capacity import Line, Room, room
from proxy.core.forecast import Place
from proxy.core.models import FAMILIES, OTHER
from proxy.core.quota import Allowance
from proxy.edge import JSON, Trip, ours
from proxy.http1.exchange import Exchange
from proxy.ledger import Ledger
from proxy.pool import NOT_READY, AccountPool, AccountStatus

FRESH: Final = 0.25
"""The fleet is looked at anew after so many seconds, however many ask."""


class Capacity(msgspec.Struct, frozen=True):
    """The answer. `now` is the instant (epoch seconds) of what is told."""

    now: float
    client: str
    priority: str
    limits: Sequence[Allowance]
    models: Mapping[ModelFamily, Room]


@dataclass(slots=True)
class CapacityDesk:
    """Answers clients. What they ask here costs them nothing."""

    pool: AccountPool
    ledger: Ledger
    _looked_at: float = -inf
    _accounts: Sequence[AccountState] = ()
    _look: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, exchange: Exchange, trip: Trip, client: Client) -> None:
        """Answer one client."""
        accounts = await self._fleet()
        limits = client.limits
        left = await self.ledger.standing(client.name, limits) if limits.counted else ()
        now = self.pool.now()
        rooms = {
            family: room(accounts, family, self._line(family, client.name), now)
            for family in (*FAMILIES, OTHER)
        }
        told = Capacity(round(now, 3), client.name, client.priority, left, rooms)
        exchange.respond(200, [*ours(trip), JSON], msgspec.json.encode(told))

    def _line(self, family: ModelFamily, client: str) -> Line:
        forecast = self.pool.forecast
        now = asyncio.get_running_loop().time()
        fast, slow = (forecast.wait(Place(family, client, batch), now) for batch in (False, True))
        return Line(forecast.waiting(family), fast, slow)

    async def _fleet(self) -> Sequence[AccountState]:
        """The accounts in service as they stood a moment ago."""
        async with self._look:
            now = asyncio.get_running_loop().time()
            if now - self._looked_at >= FRESH:
                states = await self.pool.states()
                self._accounts = [_state(one) for one in states if one.state != NOT_READY]
                self._looked_at = now
            return self._accounts


def _state(status: AccountStatus) -> AccountState:
    return AccountState(status.in_flight, status.limit, cooldowns=status.cooldowns)

"""The clients' own limits, kept while their requests run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from proxy.config import Client
from proxy.core.quota import Limit, Refused, may_use
from proxy.core.rate_headers import limit_headers
from proxy.edge import Trip
from proxy.errors import ClientLimitError, ForbiddenModelError
from proxy.ledger import Ledger

MESSAGES = {
    Limit.CONCURRENCY: "You have as many requests open as you may.",
    Limit.REQUESTS: "You send more requests a minute than you may.",
    Limit.TOKENS: "Your tokens for this day are used up.",
}


@dataclass(frozen=True, slots=True)
class Quotas:
    """Counts requests against their clients' limits. `clock` is that of shared instants."""

    ledger: Ledger
    clock: Callable[[], float]

    def hold(self, client: Client, trip: Trip) -> "Hold":
        """Count a request for the body of an `async with`. Entering raises what forbids it."""
        return Hold(self, client, trip)


@dataclass(slots=True)
class Hold:
    """A request that is counted until it ends. Who has no limits costs nothing."""

    _quotas: Quotas
    _client: Client
    _trip: Trip

    async def __aenter__(self) -> Self:
        limits = self._client.limits
        if limits.counted:
            ledger = self._quotas.ledger
            found = await ledger.admit(self._trip.id, self._client.name, limits)
            self._trip.limits = limit_headers(
                found.allowances, self._trip.route.dialect, self._quotas.clock()
            )
            if isinstance(found, Refused):
                raise ClientLimitError(MESSAGES[found.limit], retry_after=found.retry_after)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client.limits.counted:
            self._quotas.ledger.release(self._trip.id, self._client.name)


def check_model(client: Client, model: str | None) -> None:
    """Raise if the client's key does not cover the model."""
    if not may_use(client.limits, model):
        raise ForbiddenModelError("Your key does not cover this model.")

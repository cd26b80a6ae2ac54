"""The shared ledger while it is there, and this replica's own counting while it is not."""

from collections.abc import Callable, Sequence

from proxy.core.bill import Entry
from proxy.core.quota import Admitted, Allowance, ClientLimits, Refused
from proxy.core.usage import Spending
from proxy.ledger.memory import MemoryLedger
from proxy.ledger.redis import RedisLedger
from proxy.store.away import StoreAwayError


class FallbackLedger:
    """`Ledger` that lets requests go on while the shared one is away, which `away` tells.

    Each replica then allows a client its limits by what it has counted itself: with n replicas a
    client may get n times as much, for as long as that lasts. What is spent is kept and counted
    later. Asking for usage raises StoreAwayError.
    """

    def __init__(self, shared: RedisLedger, local: MemoryLedger, away: Callable[[], bool]) -> None:
        self._shared = shared
        self._local = local
        self._away = away

    async def admit(self, request: str, client: str, limits: ClientLimits) -> Admitted | Refused:
        if not self._away():
            try:
                found = await self._shared.admit(request, client, limits)
            except StoreAwayError:
                pass
            else:
                if isinstance(found, Admitted):
                    self._local.count(request, client, limits)
                return found
        found = await self._local.admit(request, client, limits)
        if isinstance(found, Admitted):
            self._shared.keep(request, client)
        return found

    def release(self, request: str, client: str) -> None:
        self._local.release(request, client)
        self._shared.release(request, client)

    def spend(self, spending: Spending) -> None:
        self._local.spend(spending)
        self._shared.spend(spending)

    async def standing(self, client: str, limits: ClientLimits) -> tuple[Allowance, ...]:
        if not self._away():
            try:
                return await self._shared.standing(client, limits)
            except StoreAwayError:
                pass
        return await self._local.standing(client, limits)

    async def usage(self, first: int, last: int) -> Sequence[Entry]:
        return await self._shared.usage(first, last)

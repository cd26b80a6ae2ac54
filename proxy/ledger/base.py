"""What is counted of clients, and the few atomic operations on it."""

from collections.abc import Sequence
from typing import Protocol

from proxy.core.bill import Entry
from proxy.core.quota import Admitted, Allowance, ClientLimits, Refused
from proxy.core.usage import Spending


class Ledger(Protocol):
    """Clients' requests, tokens and costs, counted once over all replicas.

    What is told without `await` takes effect at once, or as soon as the shared state is reached.
    """

    async def admit(self, request: str, client: str, limits: ClientLimits) -> Admitted | Refused:
        """Count a request that begins, or say what forbids it, which counts nothing.

        Admitting twice by one id counts once. One that is cancelled holds nothing.
        """

    def release(self, request: str, client: str) -> None:
        """Tell that a request has ended; later calls for the same one change nothing."""

    def spend(self, spending: Spending) -> None:
        """Tell what an answer cost."""

    async def standing(self, client: str, limits: ClientLimits) -> tuple[Allowance, ...]:
        """What is left of a client's limits."""

    async def usage(self, first: int, last: int) -> Sequence[Entry]:
        """What was used from the first of these days to the last (UTC, counted from 1970)."""

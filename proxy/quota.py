"""The clients' own limits, kept while their requests run."""

from collections import defaultdict
from collections.abc import Callable

from proxy.config import Client
from proxy.core.quota import ClientUse, Limit, Refused
from proxy.errors import ClientLimitError, ForbiddenModelError, ProxyError

SOON = 1.0
"""Seconds after which a client at its concurrency limit may try again."""


class Quotas:
    """What every client has used, since this process began."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._uses: defaultdict[str, ClientUse] = defaultdict(ClientUse)

    def hold(self, client: Client, model: str | None) -> "Hold":
        """Count a request while it runs, in a `with` statement, or raise what forbids it."""
        use, now = self._uses[client.name], self._clock()
        refused = use.check(client.limits, model, now)
        if refused is not None:
            raise _error(refused)
        use.commit(client.limits, now)
        return Hold(use)

    def spend(self, client: str, tokens: int) -> None:
        """Count an answer's tokens against the client's day (UTC)."""
        self._uses[client].spend(tokens, self._clock())


class Hold:
    """A request that has been counted; its end gives it back."""

    __slots__ = ("_use",)

    def __init__(self, use: ClientUse) -> None:
        self._use = use

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._use.release()


def _error(refused: Refused) -> ProxyError:
    match refused.limit:
        case Limit.MODEL:
            return ForbiddenModelError("Your key does not cover this model.")
        case Limit.CONCURRENCY:
            return ClientLimitError("You have as many requests open as you may.", retry_after=SOON)
        case Limit.REQUESTS:
            message = "You send more requests a minute than you may."
        case Limit.TOKENS:
            message = "Your tokens for this day are used up."
    return ClientLimitError(message, retry_after=refused.retry_after)

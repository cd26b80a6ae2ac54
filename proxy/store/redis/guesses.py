"""Where sessions are bound, as far as this replica has seen: right for those it serves itself."""

from typing import Final

from proxy.core.account import ANY_MODEL, AccountName, ModelFamily
from proxy.store.affinity import Affinity
from proxy.store.base import Settlement, Slot, StorePolicy, Wish
from proxy.store.redis.wire import Found

LIMIT: Final = 20_000
"""Sessions that are remembered here."""


class Guesses:
    """Learned from what claims come to. A wrong one costs a second claim and nothing else."""

    def __init__(self, policy: StorePolicy) -> None:
        self._known = Affinity(policy.affinity_ttl, min(LIMIT, policy.affinity_limit))

    def own(self, session: str, family: ModelFamily, now: float) -> AccountName | None:
        return self._known.peek(session, family, now)

    def learn(self, wish: Wish, found: Found, now: float) -> None:
        """Take in what a claim's answer tells of the session's own account."""
        session, own = wish.session, found.own
        if session is None or own is None:
            return
        known = self._known.peek(session, wish.family, now)
        if known != own:
            self._known.bind(session, own, ANY_MODEL if known is None else wish.family, now)

    def moved(self, slot: Slot, settlement: Settlement, now: float) -> None:
        """Expect what the store will do: a success binds a session that had to move."""
        if slot.session is None or slot.binds is None or not settlement.proven:
            return
        if self._known.peek(slot.session, slot.family, now) in {None, slot.own}:
            self._known.bind(slot.session, slot.account, slot.binds, now)

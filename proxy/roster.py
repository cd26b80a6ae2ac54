"""The accounts in configuration: which are in service, and what they report of their windows."""

from collections.abc import Collection, Iterable, Sequence
from math import inf
from typing import Final

from proxy.core.account import Account, AccountName, ModelFamily, Window
from proxy.core.ranking import Share, shares
from proxy.store.base import Candidate

_FRESH: Final = 1.0
_NEVER: Final[tuple[float, Sequence[Share]]] = (-inf, ())


class Roster:
    """What this replica knows of accounts by itself. One is in service until told otherwise.

    `known` has also those that were removed: a slot may have been granted just before.
    """

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.known: dict[AccountName, Account] = {}
        self.accounts: dict[AccountName, Account] = {}
        self.serving: dict[AccountName, Account] = {}
        self.windows: dict[AccountName, Sequence[Window]] = {}
        self._unready: dict[AccountName, str] = {}
        self._slots: dict[AccountName, int] = {}
        self._alone: dict[AccountName, tuple[Candidate]] = {}
        self._shares: dict[ModelFamily, tuple[float, Sequence[Share]]] = {}
        self.replace(accounts)

    def replace(self, accounts: Iterable[Account]) -> None:
        """Take over a new configuration; what is known of accounts that stay is kept.

        What a worker told of itself goes where the account is a Messages API now: it tells nothing.
        """
        self.accounts = {account.name: account for account in accounts}
        self.known |= self.accounts
        workers = {name for name, account in self.accounts.items() if not account.plain}
        self._unready = {n: why for n, why in self._unready.items() if n in workers}
        self.windows = {n: seen for n, seen in self.windows.items() if n in self.accounts}
        self._slots = {n: most for n, most in self._slots.items() if n in workers}
        self._alone = {name: (self._candidate(name),) for name in self.accounts}
        self._count()

    def set_ready(self, account: AccountName, reason: str | None) -> bool:
        """Take an account out of service for a reason, or (None) back in; True if that is news."""
        if account not in self.accounts or self._unready.get(account) == reason:
            return False
        if reason is None:
            del self._unready[account]
        else:
            self._unready[account] = reason
        self._count()
        return True

    def set_slots(self, account: AccountName, most: int) -> bool:
        """Never send a worker more than it has slots for; True if that changes anything."""
        if account not in self.accounts or self._slots.get(account) == most:
            return False
        self._slots[account] = most
        self._alone[account] = (self._candidate(account),)
        return True

    def unready(self, account: AccountName) -> str | None:
        """Why an account is out of service, None if it is in."""
        return self._unready.get(account)

    def observe(self, account: AccountName, windows: Sequence[Window]) -> None:
        """Take in an account's windows; those of other names that were seen before are kept."""
        if account not in self.accounts:
            return
        known = {window.name: window for window in self.windows.get(account, ())}
        known |= {window.name: window for window in windows}
        self.windows[account] = tuple(known.values())

    def shares(self, family: ModelFamily, now: float) -> Sequence[Share]:
        """The weights of the accounts in service, worked out anew after `_FRESH` seconds."""
        made_at, weighed = self._shares.get(family, _NEVER)
        if not made_at <= now < made_at + _FRESH:
            weighed = shares(tuple(self.serving.values()), self.windows, family, now)
            self._shares[family] = now, weighed
        return weighed

    def alone(self, account: AccountName | None) -> tuple[Candidate, ...]:
        """An account as the only candidate; none if it is not in service."""
        return self._alone[account] if account is not None and account in self.serving else ()

    def candidates(
        self, ranked: Sequence[Share], tried: Collection[AccountName]
    ) -> tuple[Candidate, ...]:
        """The accounts in service in this order, with what they may carry."""
        return tuple(
            Candidate(share.name, self._most(share.name), share.name in tried, share.weight)
            for share in ranked
        )

    def _candidate(self, account: AccountName) -> Candidate:
        return Candidate(account, self._most(account))

    def _most(self, account: AccountName) -> int:
        most = self.accounts[account].concurrency
        return min(most, self._slots.get(account, most))

    def _count(self) -> None:
        self.serving = {n: a for n, a in self.accounts.items() if n not in self._unready}
        self._shares.clear()

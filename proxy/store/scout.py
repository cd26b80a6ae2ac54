"""Listens on behalf of who listens, and has the fleet looked at where there is more to know."""

import asyncio

from proxy.core.account import AccountName
from proxy.core.cooldown import Reason
from proxy.store.base import Listener


class Scout:
    """Passes on all that it hears, and sets `news` where a rest began or ended."""

    def __init__(self, listener: Listener, news: asyncio.Event) -> None:
        self._listener = listener
        self._news = news

    def account_freed(self, account: AccountName) -> None:
        self._listener.account_freed(account)

    def account_rested(self, account: AccountName, reason: Reason) -> None:
        self._news.set()
        self._listener.account_rested(account, reason)

    def account_woken(self, account: AccountName) -> None:
        self._news.set()
        self._listener.account_woken(account)

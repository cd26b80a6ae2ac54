"""Which account each session is bound to: bounded, and forgotten when long unused."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import msgspec

from proxy.core.account import ANY_MODEL, AccountName, ModelFamily

SLACK: Final = 0.01
"""A binding is prolonged once it is this fraction of its life old: most hits write nothing."""


class Binding(msgspec.Struct, array_like=True):
    """A session's own account, and those of single model families where they differ."""

    account: AccountName
    expires: float
    families: dict[ModelFamily, AccountName] = {}

    def own(self, family: ModelFamily) -> AccountName:
        return self.families.get(family, self.account) if self.families else self.account


class Affinity:
    """Bindings by session, least recently used first, each kept for `ttl` after its last use."""

    __slots__ = ("_bindings", "_limit", "_ttl", "changes")

    def __init__(self, ttl: float, limit: int) -> None:
        self._ttl = ttl
        self._limit = limit
        self._bindings: OrderedDict[str, Binding] = OrderedDict()
        self.changes = 0

    def __len__(self) -> int:
        return len(self._bindings)

    def find(self, session: str, now: float) -> Binding | None:
        """Look a binding up and prolong it."""
        binding = self._bindings.get(session)
        if binding is None or binding.expires <= now:
            return None
        expires = now + self._ttl
        if expires - binding.expires > self._ttl * SLACK:
            binding.expires = expires
            self._bindings.move_to_end(session)
            self.changes += 1
        return binding

    def peek(self, session: str, family: ModelFamily, now: float) -> AccountName | None:
        binding = self._bindings.get(session)
        return binding.own(family) if binding is not None and binding.expires > now else None

    def bind(self, session: str, account: AccountName, family: ModelFamily, now: float) -> None:
        """Bind a session to an account, for one model family or (`ANY_MODEL`) for all."""
        binding = self.find(session, now)
        if binding is None:
            self._bindings[session] = Binding(account, now + self._ttl)
            self._bindings.move_to_end(session)
            self._drop_oldest(now)
        elif family == ANY_MODEL:
            binding.account = account
        else:
            binding.families[family] = account
        self.changes += 1

    def entries(self) -> Mapping[str, Binding]:
        return self._bindings

    def restore(self, entries: Mapping[str, Binding], now: float) -> None:
        """Take over saved bindings, those that have run out left aside."""
        kept = sorted((b.expires, s, b) for s, b in entries.items() if b.expires > now)
        for _, session, binding in kept[-self._limit :]:
            binding.expires = min(binding.expires, now + self._ttl)
            self._bindings[session] = binding

    def _drop_oldest(self, now: float) -> None:
        """Drop a few that have run out; and, over the limit, the least recently used."""
        oldest = [session for session, _ in zip(self._bindings, range(2), strict=False)]
        for session in oldest:
            if len(self._bindings) > self._limit or self._bindings[session].expires <= now:
                del self._bindings[session]

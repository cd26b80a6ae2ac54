"""The accounts of the simulated provider, told apart by credential."""

import hashlib
from collections.abc import Iterator, Mapping

from simulator.cache import PromptCache
from simulator.config import Config, Pacing
from simulator.errors import ApiError
from simulator.ledger import Ledger
from simulator.plans import Plan, Style


class Account:
    """One login: what it may use, what it has read, and how fast it is served."""

    def __init__(self, name: str, plan: Plan, cache_ttl: float) -> None:
        self.name = name
        self.ledger = Ledger(plan)
        self.cache = PromptCache(cache_ttl)
        self.pacing: Pacing | None = None


class Accounts:
    def __init__(self, config: Config) -> None:
        self._config = config
        self._by_name: dict[str, Account] = {}
        self._by_key: dict[str, Account] = {}
        for entry in config.accounts:
            account = self._account(entry.name, config.plan(entry.plan))
            account.pacing = entry.pacing
            self._by_key |= dict.fromkeys(entry.credentials(), account)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_name.values())

    def named(self, name: str) -> Account:
        """Raises ApiError if there is none. Where all are welcome there is always one."""
        if name in self._by_name:
            return self._by_name[name]
        if not self._config.open:
            raise ApiError(404, "not_found_error", f"no account {name}")
        return self._opened(f"sim-{name}")

    def of(self, headers: Mapping[str, str]) -> tuple[Account, Style]:
        """The account of a credential, and the header family its answers carry."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        account = self._by_key.get(key) or self._opened(key)
        style = account.ledger.plan.style
        if style is Style.AUTO:
            style = Style.KEY if "x-api-key" in headers else Style.UNIFIED
        return account, style

    def _opened(self, key: str) -> Account:
        if not key or not self._config.open:
            raise ApiError(401, "authentication_error", "invalid x-api-key" if key else "no key")
        digest = hashlib.sha256(key.encode()).hexdigest()[:8]
        name = key.removeprefix("sim-") if key.startswith("sim-") else f"open-{digest}"
        account = self._by_key[key] = self._account(name, self._config.plan("default"))
        return account

    def _account(self, name: str, plan: Plan) -> Account:
        account = self._by_name[name] = Account(name, plan, self._config.cache_ttl)
        return account

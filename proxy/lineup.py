"""The accounts that serve: those of the configuration, and those that were discovered."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from proxy.core.account import Account, AccountName
from proxy.pool import AccountPool
from proxy.prober import Prober
from proxy.ways import Way, way_to


@dataclass(slots=True)
class Lineup:
    """Tells every part at once, with no await between them, which accounts there are.

    Of two accounts with one name the configured one stands. `ways` keeps those that are gone:
    their last requests may still be on the way.
    """

    pool: AccountPool
    prober: Prober
    ways: dict[AccountName, Way] = field(default_factory=dict)
    _configured: tuple[Account, ...] = ()
    _discovered: tuple[Account, ...] = ()

    def configure(self, accounts: Iterable[Account]) -> None:
        """Serve with these of the configuration from now on."""
        self._configured = tuple(accounts)
        self._serve()

    def discover(self, accounts: Iterable[Account]) -> None:
        """Serve with these discovered ones from now on."""
        self._discovered = tuple(accounts)
        self._serve()

    @property
    def configured(self) -> frozenset[AccountName]:
        """The names that no discovered account may have."""
        return frozenset(account.name for account in self._configured)

    @property
    def names(self) -> frozenset[AccountName]:
        """All that serve."""
        return self.configured | {account.name for account in self._discovered}

    def _serve(self) -> None:
        everyone = {a.name: a for a in (*self._configured, *self._discovered)}
        everyone |= {a.name: a for a in self._configured}
        self.ways |= {name: way_to(account) for name, account in everyone.items()}
        self.pool.replace(everyone.values())
        self.prober.replace(everyone.values())

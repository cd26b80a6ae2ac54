"""Where every answer's tokens are written down: for limits, for the bill, for the metrics."""

from collections.abc import Callable
from dataclasses import dataclass

from proxy.core.bill import Prices
from proxy.core.usage import Spending
from proxy.ledger import Ledger
from proxy.metrics import Metrics


@dataclass(slots=True)
class Bookkeeper:
    """Takes down what was spent. `prices` may change at any time, `clock` is the ledger's."""

    ledger: Ledger
    metrics: Metrics
    prices: Prices
    clock: Callable[[], float]

    def spend(self, spending: Spending) -> None:
        """Take down one answer."""
        self.ledger.spend(spending)
        price = self.prices.get(spending.family)
        self.metrics.tokens_spent(spending, None if price is None else price.of(spending.usage))

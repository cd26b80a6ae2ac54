"""The accounts in a scrape: as they are at that moment, and none that is gone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from proxy.core.account import ModelFamily, Window
from proxy.core.cooldown import Cooldown


class AccountReport(Protocol):
    """What a scrape tells of one account."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def limit(self) -> int: ...
    @property
    def windows(self) -> Sequence[Window]: ...
    @property
    def cooldowns(self) -> Mapping[ModelFamily, Cooldown]: ...


class FleetCollector(Collector):
    """Tells of the accounts as they are at the scrape, and forgets those that are gone."""

    reports: Sequence[AccountReport] = ()

    def collect(self) -> Iterator[Metric]:
        state = _account_gauge("state", "1 for the state it is in.", "state")
        in_flight = _account_gauge("in_flight", "Requests it carries now.")
        limit = _account_gauge("limit", "Requests it may carry now.")
        until = _account_gauge("cooldown_until_seconds", "When it may serve again.", "family")
        used = _account_gauge("window_utilization_ratio", "Share used.", "window")
        resets = _account_gauge("window_reset_seconds", "When it resets.", "window")
        for report in self.reports:
            state.add_metric([report.name, report.state], 1)
            in_flight.add_metric([report.name], report.in_flight)
            limit.add_metric([report.name], report.limit)
            for family, cooldown in report.cooldowns.items():
                until.add_metric([report.name, family], cooldown.until)
            for window in report.windows:
                used.add_metric([report.name, window.name], window.utilization)
                if window.resets_at is not None:
                    resets.add_metric([report.name, window.name], window.resets_at)
        return iter((state, in_flight, limit, until, used, resets))


def _account_gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"headgate_account_{name}", text, labels=["account", *labels])

"""Every metric, named here alone: one method for each thing worth counting.

Labels are bounded: accounts, clients, routes and words of ours; never a session, a path or a
model as a client wrote it. Times are seconds.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Never, Self

import msgspec
import prometheus_client
from prometheus_client import Gauge

from proxy.core.usage import Spending
from proxy.fleet_report import AccountReport, FleetCollector
from proxy.tallies import Tallies

SECONDS: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
    *(40, 60, 120, 300, 600, 900, 1800, 3600),
)
"""From a refusal to an agent's longest turn."""

_CLASSES: Final = {1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}


class Ending(msgspec.Struct, frozen=True):
    """How a client's request ended; `first_byte` is None if none went out.

    `route` is one that is served, or "other"; `client` is "" where none was told.
    """

    route: str
    dialect: str
    client: str
    status: int
    outcome: str
    seconds: float
    first_byte: float | None = None


class Metrics:
    """The proxy's own registry, and the one hand that writes into it."""

    def __init__(self, version: str) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs
        self._registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self._registry)
        self._fleet = FleetCollector()
        self._registry.register(self._fleet)
        self._tallies = Tallies(SECONDS)
        self._registry.register(self._tallies)
        self._gauge("build_info", "What runs.", "version").labels(version).set(1)
        self._in_flight = InFlight()
        in_flight = self._gauge("requests_in_flight", "Requests being served.")
        in_flight.set_function(lambda: self._in_flight.count)
        self._queued = self._gauge("queue_depth", "Requests that wait for an account.")
        self._lag = self._tallies.timer("event_loop_lag", "How late the loop wakes.")
        self._name_requests()
        self._name_accounts()
        self._name_store()

    def _name_requests(self) -> None:
        counter, timer = self._tallies.counter, self._tallies.timer
        self._requests = counter(
            "requests", "Requests of clients.", "route", "dialect", "client", "status", "outcome"
        )
        self._durations = timer("request_duration", "Whole requests.", "route")
        self._first_bytes = timer("first_byte", "Until an answer began.", "route")
        self._attempts = counter("attempts", "Tries by verdict.", "account", "verdict")
        self._attempt_times = timer("attempt_duration", "Tries.", "account")
        self._placings = counter("placings", "How sessions got an account.", "placing")
        self._failovers = counter("failovers", "Tried again elsewhere.", "verdict")
        self._over_budget = counter("retries_refused", "Retries over the budget.")
        self._distrusted = counter("resets_distrusted", "Absurd resets.", "account")
        self._waits = timer("queue_wait", "In the queue.", "priority", "end")
        self._truncations = counter("truncations", "Answers without end.", "account")
        self._left = counter("client_disconnects", "Clients that left.", "phase")
        self._tokens = counter(
            "tokens", "As the provider counted.", "account", "client", "family", "kind"
        )
        self._costs = counter("cost_usd", "By the price table.", "account", "client", "family")

    def _name_accounts(self) -> None:
        counter = self._tallies.counter
        self._reloads = counter("config_reloads", "Tries to reload.", "result")
        self._discovered = self._gauge("discovered_accounts", "Accounts that serve by discovery.")
        self._duplicates = self._gauge(
            "discovery_duplicates", "Workers of accounts served already."
        )
        self._unresolved = counter("discovery_failures", "Names not resolved.")
        self._rests = counter("account_rests", "Rests begun.", "account", "reason")
        self._wakes = counter("account_wakes", "Rests ended early.", "account")
        self._trials = counter("account_trials", "Long rests tested.", "account", "verdict")

    def _name_store(self) -> None:
        counter, timer = self._tallies.counter, self._tallies.timer
        self._store_up = self._gauge("store_up", "0 while the shared store is away.")
        self._store_up.set(1)
        self._store_left = self._gauge("store_left_timestamp_seconds", "Alone since; 0 if not.")
        self._store_aways = counter("store_departures", "Went away.", "kind")
        self._store_alone = counter("store_alone_seconds", "Time without the shared store.")
        self._store_times = timer("store_round_trip", "Claims on the shared store.")

    def in_flight(self) -> "InFlight":
        """Count a request as being served, in a `with` statement."""
        return self._in_flight

    def watch_queue(self, depth: Callable[[], float]) -> None:
        """Name what tells at every scrape how many requests wait."""
        self._queued.set_function(depth)

    def request_ended(self, end: Ending) -> None:
        """Count a request of a client, however it ended."""
        status = _CLASSES.get(end.status // 100, "other")
        self._requests[end.route, end.dialect, end.client, status, end.outcome] += 1
        self._durations.observe((end.route,), end.seconds)
        if end.first_byte is not None:
            self._first_bytes.observe((end.route,), end.first_byte)

    def attempt_ended(self, account: str, verdict: str, seconds: float) -> None:
        """Count one try on an account and what its answer meant."""
        self._attempts[account, verdict] += 1
        self._attempt_times.observe((account,), seconds)

    def tokens_spent(self, spent: Spending, cost: float | None) -> None:
        """Count the tokens of one answer, and what they cost (USD) where that is known."""
        whose = spent.account, spent.client, spent.family
        for kind in ("input", "output", "cache_read", "cache_write"):
            if amount := getattr(spent.usage, kind):
                self._tokens[*whose, kind] += amount
        if cost:
            self._costs[whose] += cost

    def session_placed(self, placing: str) -> None:
        """Count how a request came to its account."""
        self._placings[placing,] += 1

    def failed_over(self, verdict: str) -> None:
        """Count a request that goes on to another account because of this verdict."""
        self._failovers[verdict,] += 1

    def retry_refused(self) -> None:
        """Count a retry that the budget did not allow."""
        self._over_budget[()] += 1

    def reset_distrusted(self, account: str) -> None:
        """Count a reset time too far away to be believed."""
        self._distrusted[account,] += 1

    def queue_left(self, priority: str, end: str, seconds: float) -> None:
        """Count a request that has waited; `end` says what for (granted, timeout, gone, …)."""
        self._waits.observe((priority, end), seconds)

    def answer_truncated(self, account: str) -> None:
        """Count an answer that ended before its end."""
        self._truncations[account,] += 1

    def client_left(self, phase: str) -> None:
        """Count a client that left before its answer was whole."""
        self._left[phase,] += 1

    def config_reloaded(self, result: str) -> None:
        """Count an attempt to take a new configuration into use."""
        self._reloads[result,] += 1

    def discovered(self, accounts: int, duplicates: int) -> None:
        """Tell how many accounts serve by discovery, and how many workers were refused."""
        self._discovered.set(accounts)
        self._duplicates.set(duplicates)

    def discovery_failed(self) -> None:
        """Count a name that was not resolved."""
        self._unresolved[()] += 1

    def account_rested(self, account: str, reason: str) -> None:
        """Count a rest that began, of an account or of a model family on it."""
        self._rests[account, reason] += 1

    def account_woken(self, account: str) -> None:
        """Count a rest that was ended before its time."""
        self._wakes[account,] += 1

    def account_tried(self, account: str, verdict: str) -> None:
        """Count a long rest that was put to the test."""
        self._trials[account, verdict] += 1

    def store_answered(self, seconds: float) -> None:
        """Take in how long a claim on the shared store took."""
        self._store_times.observe((), seconds)

    def store_left(self, kind: str) -> None:
        """Count the shared store as away, for a reason in a word."""
        self._store_up.set(0)
        self._store_left.set_to_current_time()
        self._store_aways[kind,] += 1

    def store_returned(self, seconds: float) -> None:
        """Count the shared store as there again, after so long."""
        self._store_up.set(1)
        self._store_left.set(0)
        self._store_alone[()] += seconds

    async def watch_loop(self, interval: float = 0.5) -> Never:
        """Measure for ever how late the event loop wakes."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + interval
            await asyncio.sleep(interval)
            self._lag.observe((), max(0.0, clock() - due))

    def render(self, fleet: Sequence[AccountReport]) -> bytes:
        """The text of a scrape. Long for many series: call it in a thread."""
        self._fleet.reports = fleet
        return prometheus_client.generate_latest(self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"headgate_{name}", text, labels, registry=self._registry)


class InFlight:
    """Counts what is inside its `with` statements."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        self.count += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.count -= 1

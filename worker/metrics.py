"""Every metric of a worker, one method per thing worth counting."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from worker.core.state import EngineState, Processes
from worker.core.usage import Usage, family_of

_TURNS: Final = frozenset({"/v1/messages", "/v1/chat/completions", "/v1/responses"})
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)


class Metrics:
    """The metrics of one worker in a registry of their own."""

    def __init__(self, busy: Callable[[], float], state: Callable[[], EngineState]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # has no annotations
        self._registry = CollectorRegistry()
        self._ended = Histogram(
            "headgate_worker_request_seconds",
            "Requests by route and verdict, with their duration to the last byte.",
            ("route", "verdict"),
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._first_event = Histogram(
            "headgate_worker_first_event_seconds",
            "From the request to the first content event of its stream.",
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._cut = Counter(
            "headgate_worker_streams_cut_total",
            "Streams that failed after their first byte, by verdict.",
            ("verdict",),
            registry=self._registry,
        )
        self._tokens = Counter(
            "headgate_worker_tokens_total",
            "Tokens by model family and kind, as the provider counted them.",
            ("family", "kind"),
            registry=self._registry,
        )
        in_flight = Gauge(
            "headgate_worker_turns_in_flight", "Turns that run now.", registry=self._registry
        )
        in_flight.set_function(busy)
        self._registry.register(_EngineCollector(state))

    def request_ended(self, route: str, verdict: str, seconds: float) -> None:
        """Count one request, however it ended."""
        self._ended.labels(route, verdict).observe(seconds)

    def first_event(self, seconds: float) -> None:
        """Note how long a stream's first content took."""
        self._first_event.observe(seconds)

    def stream_cut(self, verdict: str) -> None:
        """Count a stream that had to be cut."""
        self._cut.labels(verdict).inc()

    def tokens_used(self, model: str, usage: Usage) -> None:
        """Count what a turn took, as the provider tells."""
        for kind in Usage.__slots__:
            self._tokens.labels(family_of(model), kind).inc(getattr(usage, kind))

    def turns(self) -> Mapping[str, int]:
        """How many turns ended with which verdict."""
        counts: defaultdict[str, int] = defaultdict(int)
        for sample in _samples(self._ended, "_count"):
            if sample.labels["route"] in _TURNS:
                counts[sample.labels["verdict"]] += int(sample.value)
        return counts

    def tokens(self) -> Mapping[str, Mapping[str, int]]:
        """The tokens used, by model family and kind."""
        found: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for sample in _samples(self._tokens, "_total"):
            found[sample.labels["family"]][sample.labels["kind"]] = int(sample.value)
        return found

    def render(self) -> bytes:
        """The text exposition."""
        return generate_latest(self._registry)


class _EngineCollector(Collector):
    """What the engine tells of itself, told anew at every scrape."""

    def __init__(self, state: Callable[[], EngineState]) -> None:
        self._state = state

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        state = self._state()
        told = "Whether the account's login works, as far as is known."
        yield GaugeMetricFamily("headgate_worker_login_ok", told, state.login.ok)
        if state.login.expires_at is not None:
            told = "When the login runs out, in epoch seconds."
            name = "headgate_worker_login_expires_timestamp_seconds"
            yield GaugeMetricFamily(name, told, state.login.expires_at)
        if state.processes is not None:
            yield from _of_processes(state.processes)
        told = "Whether the engine has what it could lack."
        features = GaugeMetricFamily("headgate_worker_feature", told, labels=("feature",))
        for name, there in state.features.items():
            features.add_metric((name,), there)
        yield features


def _of_processes(now: Processes) -> Iterable[Metric]:
    told = "The engine's processes by what they do now."
    counts = GaugeMetricFamily("headgate_worker_processes", told, labels=("state",))
    for state in ("warm", "idle", "busy"):
        counts.add_metric((state,), getattr(now, state))
    yield counts
    totals = {
        "started": "Processes that were started.",
        "replaced": "Processes that ended with their turn.",
        "reused": "Turns that went on in the process of the turn before.",
        "claims": "Claims of a process for a turn.",
        "claim_seconds": "What all claims took together.",
    }
    for name, text in totals.items():
        plural = name if name in ("claims", "claim_seconds") else f"processes_{name}"
        yield CounterMetricFamily(f"headgate_worker_{plural}", text, getattr(now, name))
    if now.memory is not None:
        told = "The memory of all processes and what they started, shared pages shared out."
        yield GaugeMetricFamily("headgate_worker_processes_memory_bytes", told, now.memory)


def _samples(metric: MetricWrapperBase, suffix: str) -> Iterable[Sample]:
    for family in metric.collect():
        yield from (sample for sample in family.samples if sample.name.endswith(suffix))

"""Counters and histograms on plain dicts; a scrape turns them into Prometheus' own.

prometheus_client takes a lock for each value, and a request changes 13: these cost it 10 µs less.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import inf

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]


class Counts(dict[Labels, float]):
    """A counter's values: `counts[labels] += 1`."""

    def __missing__(self, labels: Labels) -> float:
        return 0.0


class Times(dict[Labels, list[float]]):
    """A histogram's values: how many fell into each bucket, above all bounds, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        super().__init__()
        self._bounds = bounds
        self._names = [_name(bound) for bound in (*bounds, inf)]

    def __missing__(self, labels: Labels) -> list[float]:
        series = self[labels] = [0.0] * (len(self._names) + 1)
        return series

    def observe(self, labels: Labels, seconds: float) -> None:
        """Count a value; one that equals a bound is within it."""
        series = self[labels]
        series[bisect_left(self._bounds, seconds)] += 1
        series[-1] += seconds

    def buckets(self, series: Sequence[float]) -> list[tuple[str, float]]:
        """How many values were at most each bound."""
        return list(zip(self._names, accumulate(series[:-1]), strict=True))


class Tallies(Collector):
    """All counters and histograms. Scraped in a thread: a dict is copied in one step.

    `bounds` are the upper bounds of every histogram's buckets.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counters: list[tuple[str, str, Labels, Counts]] = []
        self._timers: list[tuple[str, str, Labels, Times]] = []

    def counter(self, name: str, text: str, *labels: str) -> Counts:
        """A new counter; one without labels starts at zero, the others are not there yet."""
        counts = Counts() if labels else Counts({(): 0.0})
        self._counters.append((name, text, labels, counts))
        return counts

    def timer(self, name: str, text: str, *labels: str) -> Times:
        """A new histogram of seconds."""
        times = Times(self._bounds)
        self._timers.append((name, text, labels, times))
        return times

    def collect(self) -> Iterator[Metric]:
        for name, text, labels, counts in self._counters:
            counter = CounterMetricFamily(f"headgate_{name}", text, labels=labels)
            for of, value in list(counts.items()):
                counter.add_metric(of, value)
            yield counter
        for name, text, labels, times in self._timers:
            histogram = HistogramMetricFamily(f"headgate_{name}_seconds", text, labels=labels)
            for of, series in list(times.items()):
                histogram.add_metric(of, times.buckets(series), series[-1])
            yield histogram


def _name(bound: float) -> str:
    return str(floatToGoString(bound))  # type: ignore[no-untyped-call]  # theirs

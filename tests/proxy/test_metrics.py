import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.core.account import Window
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.usage import Spending, Usage
from proxy.metrics import Ending, Metrics

END = Ending("messages", "messages", "alice", 200, "ok", 3.0, 0.2)


@dataclass
class Report:
    name: str
    state: str = "ready"
    in_flight: int = 0
    limit: int = 1
    windows: tuple = ()
    cooldowns: dict = field(default_factory=dict)


@pytest.fixture
def metrics():
    return Metrics("1.2.3")


def scraped(metrics, *reports):
    text = metrics.render(reports).decode()
    return {
        (sample.name.removeprefix("headgate_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_request_is_counted_by_what_it_was_and_how_it_ended(metrics):
    metrics.request_ended(END)
    metrics.request_ended(END)
    metrics.request_ended(Ending("messages", "messages", "", 401, "unauthorized", 0.0))

    found = scraped(metrics)
    labels = {key[1:]: value for key, value in found.items() if key[0] == "requests_total"}
    assert labels == {
        ("alice", "messages", "ok", "messages", "2xx"): 2,
        ("", "messages", "unauthorized", "messages", "4xx"): 1,
    }
    assert found["request_duration_seconds_sum", "messages"] == 6
    assert found["first_byte_seconds_count", "messages"] == 2


def test_histograms_reach_beyond_the_longest_turn(metrics):
    metrics.request_ended(END)

    assert scraped(metrics)["request_duration_seconds_bucket", "3600.0", "messages"] == 1


@pytest.mark.parametrize(
    ("count", "sample"),
    [
        (lambda m: m.attempt_ended("a", "quota", 1.0), ("attempts_total", "a", "quota")),
        (lambda m: m.attempt_ended("a", "ok", 1.0), ("attempt_duration_seconds_sum", "a")),
        (lambda m: m.session_placed("hit"), ("placings_total", "hit")),
        (lambda m: m.failed_over("quota"), ("failovers_total", "quota")),
        (lambda m: m.retry_refused(), ("retries_refused_total",)),
        (lambda m: m.reset_distrusted("a"), ("resets_distrusted_total", "a")),
        (lambda m: m.answer_truncated("a"), ("truncations_total", "a")),
        (lambda m: m.client_left("queued"), ("client_disconnects_total", "queued")),
        (lambda m: m.config_reloaded("failed"), ("config_reloads_total", "failed")),
        (lambda m: m.account_rested("a", "quota"), ("account_rests_total", "a", "quota")),
        (lambda m: m.account_woken("a"), ("account_wakes_total", "a")),
    ],
)
def test_one_thing_is_counted_once(count, sample, metrics):
    assert scraped(metrics).get(sample, 0) == 0

    count(metrics)

    assert scraped(metrics)[sample] == 1


def test_tokens_are_counted_by_kind_and_zeroes_make_no_series(metrics):
    spending = Spending("alice", "a", "opus", Usage(input=10, output=5))
    metrics.tokens_spent(spending, 0.5)

    found = {key[1:]: v for key, v in scraped(metrics).items() if key[0] == "tokens_total"}
    assert found == {("a", "alice", "opus", "input"): 10, ("a", "alice", "opus", "output"): 5}
    assert scraped(metrics)["cost_usd_total", "a", "alice", "opus"] == 0.5


def test_in_flight_falls_back_whatever_happens(metrics):
    with suppress(ValueError), metrics.in_flight():
        assert scraped(metrics)["requests_in_flight",] == 1
        raise ValueError

    assert scraped(metrics)["requests_in_flight",] == 0


def test_the_queue_is_looked_at_when_scraped(metrics):
    waiting = []
    metrics.watch_queue(lambda: len(waiting))
    waiting += [1, 2]

    assert scraped(metrics)["queue_depth",] == 2


def test_accounts_are_told_as_they_are_and_forgotten_when_gone(metrics):
    report = Report(
        "a",
        state="resting",
        in_flight=2,
        limit=6,
        windows=(Window("five_hour", 0.4, 2000.0), Window("seven_day", 0.1)),
        cooldowns={"*": Cooldown(1234.0, Reason.QUOTA)},
    )

    found = scraped(metrics, report)
    assert found["account_state", "a", "resting"] == 1
    assert found["account_in_flight", "a"] == 2
    assert found["account_limit", "a"] == 6
    assert found["account_cooldown_until_seconds", "a", "*"] == 1234
    assert found["account_window_utilization_ratio", "a", "five_hour"] == 0.4
    assert found["account_window_reset_seconds", "a", "five_hour"] == 2000
    assert ("account_window_reset_seconds", "a", "seven_day") not in found
    assert not any(key[0].startswith("account_state") for key in scraped(metrics))


def test_the_build_is_told_and_no_creation_times(metrics):
    metrics.request_ended(END)

    found = scraped(metrics)
    assert found["build_info", "1.2.3"] == 1
    assert not any(key[0].endswith("_created") for key in found)


async def test_a_blocked_loop_is_seen(metrics):
    block = threading.Event().wait
    asyncio.get_running_loop().call_later(0.01, block, 0.1)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await metrics.watch_loop(interval=0.001)

    assert scraped(metrics)["event_loop_lag_seconds_sum",] >= 0.08


def test_the_shared_store_is_up_until_it_is_left():
    metrics = Metrics("1")
    before = metrics.render(()).decode()
    metrics.store_answered(0.002)
    metrics.store_left("timeout")
    alone = metrics.render(()).decode()
    metrics.store_returned(1.5)
    after = metrics.render(()).decode()

    assert "headgate_store_up 1.0" in before
    assert "headgate_store_up 0.0" in alone
    assert 'headgate_store_departures_total{kind="timeout"} 1.0' in alone
    assert "headgate_store_left_timestamp_seconds 0.0" not in alone
    assert "headgate_store_up 1.0" in after
    assert "headgate_store_left_timestamp_seconds 0.0" in after
    assert "headgate_store_alone_seconds_total 1.5" in after
    assert "headgate_store_round_trip_seconds_count 1.0" in after

from prometheus_client import CollectorRegistry, generate_latest

from proxy.tallies import Tallies


def told(tallies):
    registry = CollectorRegistry()
    registry.register(tallies)
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_what_was_counted_is_told_by_its_labels():
    tallies = Tallies((1.0,))
    sips = tallies.counter("sips", "Sips.", "cup")
    sips["red",] += 1
    sips["red",] += 2
    sips["blue",] += 1

    assert told(tallies) == [
        'headgate_sips_total{cup="red"} 3.0',
        'headgate_sips_total{cup="blue"} 1.0',
    ]


def test_a_counter_without_labels_is_there_from_the_start():
    tallies = Tallies((1.0,))
    tallies.counter("sips", "Sips.")

    assert told(tallies) == ["headgate_sips_total 0.0"]


def test_a_bucket_holds_all_up_to_its_bound_and_with_it():
    tallies = Tallies((0.5, 2.0))
    waits = tallies.timer("wait", "Waits.", "cup")
    for seconds in (0.1, 0.5, 0.6, 2.0, 7.0):
        waits.observe(("red",), seconds)

    assert told(tallies) == [
        'headgate_wait_seconds_bucket{cup="red",le="0.5"} 2.0',
        'headgate_wait_seconds_bucket{cup="red",le="2.0"} 4.0',
        'headgate_wait_seconds_bucket{cup="red",le="+Inf"} 5.0',
        'headgate_wait_seconds_count{cup="red"} 5.0',
        'headgate_wait_seconds_sum{cup="red"} 10.2',
    ]

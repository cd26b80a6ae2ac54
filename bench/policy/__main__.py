"""Placement compared over hours of traffic in virtual time: `python -m bench.policy`.

The real pool, queue, gate and memory store, beside four rules that others place by; on the same
provider, traffic and retries. `--sweep bound=1.1,1.25,1.5` tries the values of a knob instead.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bench.policy.peers import RULES
from bench.policy.score import COLUMNS
from bench.policy.story import KNOBS, OURS, SPILL, Scenario, run, silence

LOADS = (0.5, 0.8, 0.95, 1.2)
SMALL_LOADS = (0.8, 1.2)
SMALL_HOURS = 3.0
REPLICAS = 3


def compared(loads: Sequence[float], hours: float, seed: int) -> Sequence[Scenario]:
    """Every policy at every load, alone and as three replicas."""
    policies = (OURS, *RULES)
    return [
        *(Scenario(policy, load, hours, seed=seed) for load in loads for policy in policies),
        *(Scenario(OURS, load, hours, REPLICAS, seed=seed) for load in loads),
        *(
            Scenario(policy, load, hours, REPLICAS, shared=False, seed=seed)
            for load in loads
            for policy in policies
        ),
    ]


def swept(sweep: str, loads: Sequence[float], hours: float, seed: int) -> Sequence[Scenario]:
    """Our policy with each value of one knob, at every load."""
    knob, _, values = sweep.partition("=")
    if knob not in {*KNOBS, SPILL}:
        raise SystemExit(f"{knob} is none of {', '.join([*KNOBS, SPILL])}")
    return [
        Scenario(OURS, load, hours, seed=seed, knobs={knob: float(value)})
        for load in loads
        for value in values.split(",")
    ]


def label(scenario: Scenario) -> str:
    """Who, and under what circumstances."""
    knobs = [f"{knob}={value:g}" for knob, value in scenario.knobs.items()]
    together = "shared" if scenario.shared else "alone"
    replicas = [f"3 {together}"] if scenario.replicas > 1 else []
    return " ".join([f"{scenario.load:<5}", scenario.policy, *replicas, *knobs])


def main() -> None:
    """Run and print, two at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=12.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="three hours at two loads")
    parser.add_argument("--sweep", help="a knob and its values: bound=1.1,1.25,1.5")
    asked = parser.parse_args()
    loads = SMALL_LOADS if asked.small else LOADS
    hours = SMALL_HOURS if asked.small else asked.hours
    scenarios = (
        swept(asked.sweep, loads, hours, asked.seed)
        if asked.sweep
        else compared(loads, hours, asked.seed)
    )
    print(f"{'load  policy':36}", *(f"{column:>9}" for column in COLUMNS))
    spawn = get_context("spawn")
    with ProcessPoolExecutor(2, spawn, silence, max_tasks_per_child=1) as processes:
        for scenario, row in zip(scenarios, processes.map(run, scenarios), strict=True):
            print(f"{label(scenario):36}", *(f"{figure:9.2f}" for figure in row), flush=True)


if __name__ == "__main__":
    main()

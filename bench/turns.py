"""What a turn through a worker costs beside the bare API and the bare CLI: `make bench-turns`.

The kinds of turns are interleaved in one run and the median of each counts. Ratios hold from
machine to machine, absolute figures do not.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from bench.stage import Messages, Stage, stage

ANSWER = "an answer of some words"
CLI = "bare CLI, cold"
MEGABYTE = 1024 * 1024
Figures = Mapping[str, Sequence[float]]
Result = tuple[Figures, tuple[float, float, float]]


def asked(topic: str, turns: int) -> Messages:
    """A conversation whose turn of that number is to be answered now."""
    said = []
    for number in range(1, turns + 1):
        said.append({"role": "user", "content": f"{topic}, {number}\nsay: {ANSWER}"})
        said.append({"role": "assistant", "content": ANSWER})
    return said[:-1]


async def rounds(on: Stage, number: int) -> Figures:
    """Seconds to the first event, by kind of turn; each begins when all is calm."""
    found: dict[str, list[float]] = {}
    for topic in map(str, range(number)):
        first, second = asked(topic, 1), asked(topic, 2)
        for kind, service, messages in (
            ("bare API", on.provider, second),
            ("worker, cold", on.cold, first),
            ("worker, turn 2", on.cold, second),
            ("worker, warm process", on.warm, first),
        ):
            await service.rest()
            found.setdefault(kind, []).append(await on.first_event(service, messages))
        await on.warm.rest()
        found.setdefault(CLI, []).append(await on.bare_cli(first[0]["content"]))
    return found


async def load(on: Stage, conversations: int, seconds: float) -> tuple[float, float, float]:
    """Turns a second, turns a second of CPU, megabytes a conversation; on live processes."""
    topics = [f"load {number}" for number in range(conversations)]
    await asyncio.gather(*(on.first_event(on.cold, asked(topic, 1)) for topic in topics))
    begun, used = time.perf_counter(), on.cold.cpu()

    async def converse(topic: str) -> int:
        for turns in count(2):
            if time.perf_counter() - begun > seconds:
                return turns - 2
            await on.first_event(on.cold, asked(topic, turns))
        raise AssertionError

    done = sum(await asyncio.gather(*map(converse, topics)))
    took, cpu = time.perf_counter() - begun, on.cold.cpu() - used
    held = [child.memory_full_info().pss / MEGABYTE for child in on.cold.children()]
    return done / took, done / cpu, statistics.mean(held)


def report(found: Figures, loaded: tuple[float, float, float]) -> None:
    """One table of medians, and whether the goals are met."""
    median = {kind: statistics.median(seconds) * 1000 for kind, seconds in found.items()}
    api, cold = median["bare API"], median[CLI]
    print(f"{'first event':24}{'ms':>8}{'over the API':>14}{'of the bare CLI':>17}")
    for kind, ms in median.items():
        print(f"{kind:24}{ms:8.0f}{ms - api:+14.0f}{ms / cold:16.2f}x")
    print(
        f"goals: turn 2 {median['worker, turn 2'] - api:.0f} of 50 ms over the bare API, ", end=""
    )
    print(f"cold {median['worker, cold'] / cold:.2f} of 2 times the bare CLI")
    wall, core, held = loaded
    print(f"{wall:.1f} turns a second, {core:.1f} a second of CPU, {held:.0f} MB a conversation")
    print(f"load average {os.getloadavg()[0]:.1f}")


async def measure(conversations: int, number: int, seconds: float) -> Result:
    """Everything, on a stage of its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with stage(Path(folder), conversations) as on:
            return await rounds(on, number), await load(on, conversations, seconds)


def main() -> None:
    """Measure, print a table, keep every figure in build/turns.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--conversations", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    result = asyncio.run(measure(options.conversations, options.rounds, options.seconds))
    report(*result)
    raw = Path("build/turns.json")
    raw.parent.mkdir(exist_ok=True)
    raw.write_text(json.dumps(dict(zip(("seconds", "load"), result, strict=True)), indent=1))


if __name__ == "__main__":
    main()

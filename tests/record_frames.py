"""Record what the real claude CLI writes: `python -m tests.record_frames [NAME …]`.

Each scenario is one turn against the simulator. What is of one run only (ids, times, paths, wordy
figures) is replaced, so that a new recording shows what a new CLI does otherwise.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.simulator_rig import Simulator
from tests.worker.engines.cli_rig import KEYED, OAUTH, settings
from worker.cli.command import launch_of
from worker.core import lines
from worker.core.records import ControlRequest, decode_record
from worker.core.tools import Toolbox

RECORDINGS = Path(__file__).parent / "worker/core/recordings"
LONGEST = 2**24
PATIENCE = 30


@dataclass(frozen=True)
class Scenario:
    """One turn: what is asked, by which login, with which tools and settings."""

    prompt: str
    login: Mapping[str, str] = field(default_factory=lambda: OAUTH)
    tools: Toolbox = field(default_factory=Toolbox)
    variables: Mapping[str, str] = field(default_factory=dict)


def met(fault: str, login: Mapping[str, str] = OAUTH) -> Scenario:
    return Scenario(f"hello [[sim:tokens=4 rate=20]] [[sim:fault={fault}]]", login)


LOOK = Toolbox([{"name": "look", "input_schema": {"type": "object"}}])
FAULTS = (
    *("400", "401", "402", "403", "404", "413", "500", "burst", "credit", "cut", "empty"),
    *("error_first", "error_mid", "json_error", "long_context", "org_not_allowed"),
    *("overloaded", "refused", "rejected", "too_long", "throttled"),
)
KEY_FAULTS = {
    "401": "401",
    "burst": "burst retry-after=2",
    "long_context": "long_context",
    "overloaded": "overloaded",
    "throttled": "throttled",
    "untold": "burst retry-after=1800",
}
SCENARIOS = {
    "answered": Scenario("[[sim:tokens=5]]"),
    "max_tokens": Scenario("[[sim:tokens=9]]", variables={"CLAUDE_CODE_MAX_OUTPUT_TOKENS": "3"}),
    "tools": Scenario('[[sim:tool=look {"at":"a"}]] [[sim:tool=look {"at":"b"}]]', tools=LOOK),
    **{f"fault_{fault}": met(fault) for fault in FAULTS},
    **{f"keyed_{name}": met(fault, KEYED) for name, fault in KEY_FAULTS.items()},
}

ZERO = "00000000-0000-0000-0000-000000000000"
MARKS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), ZERO),
    (re.compile(r"resets [^\"()]+\(UTC\)"), "resets 6:02pm (UTC)"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:9"),
    (re.compile(r"toolu_(\d\d)[0-9a-f]{22}"), r"toolu_\1"),
)
"""What is of one run only, and what stands in its place."""
INIT = ("type", "subtype", "model", "tools", "claude_code_version", "session_id", "uuid")
FIXED = {"resetsAt": 1_790_000_000, "timestamp": "2026-11-20T17:00:00.000Z", "total_cost_usd": 0}
DROPPED = ("subagent_stats", "modelUsage", "cwd")


def scrubbed(record: Mapping[str, object], home: Path) -> str:
    """A record without what is of its run only."""
    if record.get("subtype") == "init":
        record = {name: record[name] for name in INIT}
    kept = {name: _fixed(name, value) for name, value in record.items() if name not in DROPPED}
    text = json.dumps(kept, separators=(",", ":")).replace(str(home), "/home")
    text = text.replace(home.name, "home")
    for mark, stand_in in MARKS:
        text = mark.sub(stand_in, text)
    return text


def _fixed(name: str, value: object) -> object:
    match value:
        case dict():
            return {key: _fixed(key, inner) for key, inner in value.items()}
        case list():
            return [_fixed(name, inner) for inner in value]
        case int() | float() if name == "retry_delay_ms":
            return int(value) // 1000 * 1000 + 125
        case int() | float() if name.endswith("_ms"):
            return 1
        case float():
            return round(value, 2)
        case _:
            return FIXED.get(name, value)


async def recorded(scenario: Scenario, home: Path) -> AsyncIterator[str]:
    """What the CLI writes of one turn, scrubbed."""
    async with Simulator() as simulator:
        launch = launch_of(settings(home, simulator.url, scenario.login))
        process = await asyncio.create_subprocess_exec(
            *launch.command,
            *launch.arguments,
            env={**launch.environment, **scenario.variables, "TMPDIR": str(home)},
            cwd=launch.directory,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST,
        )
        try:
            async for record in _talk(process, scenario):
                yield scrubbed(record, home)
        finally:
            process.kill()
            await process.wait()


async def _talk(
    process: asyncio.subprocess.Process, scenario: Scenario
) -> AsyncIterator[Mapping[str, object]]:
    """The records of one turn to its end, or to the notice that ends it."""
    question = [{"type": "text", "text": scenario.prompt}]
    process.stdin.write(lines.initialize((), scenario.tools))
    process.stdin.write(lines.user(question, query=True))
    while line := await asyncio.wait_for(process.stdout.readline(), PATIENCE):
        record = json.loads(line)
        known = decode_record(line)
        if isinstance(known, ControlRequest):
            process.stdin.write(lines.reply(known, scenario.tools))
        if record["type"] in ("control_response", "user") or _of_tool_server(record):
            continue
        yield record
        if record["type"] == "result" or record.get("attempt"):
            return


def _of_tool_server(record: Mapping[str, object]) -> bool:
    request = record.get("request")
    return isinstance(request, dict) and request.get("subtype") == "mcp_message"


async def main(names: list[str]) -> None:
    """Write the recordings of these scenarios, or of all."""
    for name in names or SCENARIOS:
        with TemporaryDirectory() as home:
            found = [line async for line in recorded(SCENARIOS[name], Path(home))]
        (RECORDINGS / f"{name}.jsonl").write_text("\n".join(found) + "\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

"""CPU time of a proxy for a request, beside nginx in the same run: `make bench`.

Rounds of the peers are interleaved and the cheapest round of each counts: what else runs on the
machine can only add. Ratios hold from machine to machine, absolute figures do not.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.peers import KEY, LOAD_CORE, Peer, field

WORK = {"small (2 kB)": 1_700, "large (200 kB)": 200_000}
"""Characters of prompt in a request."""

SCRIPT = """wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["x-api-key"] = "%s"
wrk.headers["anthropic-version"] = "2023-06-01"
wrk.headers["user-agent"] = "Anthropic/Python 2.11.0"
wrk.headers["x-stainless-lang"] = "python"
wrk.headers["x-stainless-package-version"] = "2.11.0"
local body, n = [[%s]], 0
request = function()
  n = n + 1
  wrk.headers["x-session-id"] = "session-" .. n %% 200
  return wrk.format(nil, "/v1/messages", nil, body)
end
"""


def measure(peer: Peer, script: Path, seconds: int) -> float:
    """Microseconds of CPU a request. Raises ValueError if a request failed."""
    url = f"http://127.0.0.1:{peer.port}"
    before = peer.cpu()
    argv = [
        "taskset",
        "-c",
        str(LOAD_CORE),
        "wrk",
        "-t1",
        "-c64",
        f"-d{seconds}s",
        "-s",
        str(script),
    ]
    said = subprocess.run([*argv, url], capture_output=True, text=True, check=True).stdout
    used = peer.cpu() - before
    served = re.search(r"(\d+) requests in", said)
    if served is None or "Non-2xx" in said or "Socket errors" in said:
        raise ValueError(f"{peer.name} failed requests:\n{said}")
    return used / int(served[1]) * 1e6


def scripts(folder: Path) -> dict[str, Path]:
    """A wrk script for each kind of work."""
    written = {}
    for number, (name, size) in enumerate(WORK.items()):
        messages = [{"role": "user", "content": "x" * size}]
        body = json.dumps({"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": messages})
        written[name] = folder / f"work-{number}.lua"
        written[name].write_text(SCRIPT % (KEY, body))
    return written


def main() -> None:
    """Measure, print a table, keep every round's figure in build/bench.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk", "taskset") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"bench: needs {', '.join(missing)}; on Debian: apt-get install nginx-light wrk")
    rounds: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder, field(Path(folder)) as peers:
        for _ in range(options.rounds):
            for work, script in scripts(Path(folder)).items():
                for peer in peers:
                    cost = measure(peer, script, options.seconds)
                    rounds.setdefault(work, {}).setdefault(peer.name, []).append(cost)
    report(rounds)


def report(rounds: dict[str, dict[str, list[float]]]) -> None:
    """The cheapest rounds side by side."""
    print(f"{'CPU a request':16}{'nginx':>10}{'headgate':>12}{'ratio':>8}")
    for work, costs in rounds.items():
        nginx, headgate = min(costs["nginx"]), min(costs["headgate"])
        print(f"{work:16}{nginx:7.1f} us{headgate:9.1f} us{headgate / nginx:8.1f}")
    raw = Path("build/bench.json")
    raw.parent.mkdir(exist_ok=True)
    raw.write_text(json.dumps(rounds, indent=1))


if __name__ == "__main__":
    main()

"""Claude Code itself, in its print mode and with its own tools, in the folder it is run in."""

import json
import os
import subprocess
from pathlib import Path

from common import KEY, LIMITED, MODEL, SAY, WRONG, play

COMMAND = os.environ["HEADGATE_CLAUDE"]
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_MAX_RETRIES": "0",
    "DISABLE_AUTOUPDATER": "1",
    "IS_SANDBOX": "1",
}


def connect(url):
    home = Path.home() / url.rpartition(":")[2]
    home.mkdir()
    return {
        "HOME": str(home),
        "CLAUDE_CONFIG_DIR": str(home / "claude"),
        "PATH": os.environ["PATH"],
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": KEY,
        **QUIET,
    }


def claude(client, prompt, *options):
    """What one run prints, line by line."""
    argv = [COMMAND, "-p", "--model", MODEL, "--verbose", "--output-format=stream-json", *options]
    done = subprocess.run(
        argv,
        input=prompt,
        env=client,
        cwd=client["HOME"],
        capture_output=True,
        text=True,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def whole(client):
    result = claude(client, SAY)[-1]
    return [result["result"], result["stop_reason"], result["usage"]["output_tokens"]]


def streamed(client):
    lines = claude(client, SAY, "--include-partial-messages")
    events = [line["event"] for line in lines if line["type"] == "stream_event"]
    pieces = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    return ["".join(pieces), len(pieces) > 1, lines[-1]["usage"]["output_tokens"]]


def tools(client):
    """Five steps of its own tools, each of which needs the one before."""
    note, copy = (str(Path(client["HOME"]) / name) for name in ("note.txt", "copy.txt"))
    steps = [
        ("Write", {"file_path": note, "content": "a heron at the lake"}),
        ("Read", {"file_path": note}),
        ("Bash", {"command": f"sed 's/lake/shore/' {note} > {copy}"}),
        ("Read", {"file_path": copy}),
        ("Bash", {"command": f"cat {note}; printf ' / '; cat {copy}"}),
    ]
    orders = [
        f"[[sim:tool={tool} step={number} {json.dumps(given)}]]"
        for number, (tool, given) in enumerate(steps, 1)
    ]
    lines = claude(client, " ".join(orders), "--allowedTools=Write,Read,Bash")
    assert lines[-1]["num_turns"] == len(steps) + 1, lines[-1]
    return lines[-1]["result"]


def refused(client, prompt):
    result = claude(client, prompt)[-1]
    return result["api_error_status"] if result["is_error"] else result


FEATURES = {
    "answer": whole,
    "stream": streamed,
    "tools": tools,
    "429": lambda client: refused(client, LIMITED),
    "400": lambda client: refused(client, WRONG),
}

VERSION = subprocess.run([COMMAND, "--version"], capture_output=True, text=True, check=True)
play(VERSION.stdout.split()[0], connect, FEATURES)

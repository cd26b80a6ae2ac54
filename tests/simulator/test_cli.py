"""The real claude CLI reaches the simulator and understands what it says."""

import asyncio
import importlib.util
import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.cli

ARGUMENTS = (
    "-p",
    "--input-format=stream-json",
    "--output-format=stream-json",
    "--verbose",
    "--tools=",
    "--setting-sources=",
    "--no-session-persistence",
    "--model=sonnet",
)
LIMIT = 40


def command() -> Path:
    spec = importlib.util.find_spec("claude_agent_sdk")
    assert spec is not None, "claude-agent-sdk, which carries the CLI, is not installed"
    return Path(str(spec.origin)).parent / "_bundled" / "claude"


async def ask(sim, home, credential, prompt):
    """One turn of the CLI; its records, parsed."""
    process = await asyncio.create_subprocess_exec(
        command(),
        *ARGUMENTS,
        cwd=home,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "CLAUDE_CONFIG_DIR": str(home / "config"),
            "ANTHROPIC_BASE_URL": sim.url,
            "CLAUDE_CODE_MAX_RETRIES": "0",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            credential: "sim-alice",
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    line = {"type": "user", "client_composed": True, "message": {"role": "user", "content": prompt}}
    try:
        out, _ = await asyncio.wait_for(
            process.communicate(json.dumps(line).encode() + b"\n"), LIMIT
        )
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return [json.loads(text) for text in out.splitlines() if text.startswith(b"{")]


def of_type(records, kind):
    return [record for record in records if record["type"] == kind]


@pytest.mark.parametrize(
    ("credential", "header"),
    [("ANTHROPIC_API_KEY", "x-api-key"), ("CLAUDE_CODE_OAUTH_TOKEN", "authorization")],
)
async def test_the_cli_gets_its_answer_with_either_credential(sim, tmp_path, credential, header):
    records = await ask(sim, tmp_path, credential, "say: hello from the other side")
    (result,) = of_type(records, "result")
    limits = of_type(records, "rate_limit_event")

    assert (result["is_error"], result["result"]) == (False, "hello from the other side")
    assert [call.account for call in sim.calls] == ["alice"]
    assert sim.calls[0].header(header) is not None
    # Only a subscription reports its windows.
    assert [event["rate_limit_info"]["status"] for event in limits] == (
        ["allowed"] if header == "authorization" else []
    )


async def test_the_cli_tells_a_used_up_window_and_its_reset(sim, tmp_path):
    sim.exhaust("alice", resets_in=3600)
    records = await ask(sim, tmp_path, "CLAUDE_CODE_OAUTH_TOKEN", "hello")
    (result,) = of_type(records, "result")
    (limit,) = (event["rate_limit_info"] for event in of_type(records, "rate_limit_event"))
    (window,) = sim.provider.accounts.named("alice").ledger.standings("", sim.calls[0].ended_at)[:1]

    assert (result["api_error_status"], result["api_error"]) == (429, "usage_limit_reached")
    assert (limit["status"], limit["rateLimitType"]) == ("rejected", "five_hour")
    assert abs(limit["resetsAt"] - window.resets_at) <= 1

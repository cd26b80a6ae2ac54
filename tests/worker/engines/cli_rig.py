"""The real CLI on loopback: its own folders, a dummy login, the simulator as its provider."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil

from worker.config import CliSettings
from worker.engines.base import Turn
from worker.engines.cli import CliEngine

_PACKAGE = find_spec("claude_agent_sdk")
COMMAND = Path(_PACKAGE.origin).parent / "_bundled" / "claude" if _PACKAGE else Path("claude")

OAUTH = {"CLAUDE_CODE_OAUTH_TOKEN": "sim-alice"}
KEYED = {"ANTHROPIC_API_KEY": "sim-alice"}


def settings(home: Path, url: str, login=OAUTH, **fields) -> CliSettings:
    environment = {"ANTHROPIC_BASE_URL": url, **login}
    folders = {"home": home, "config_dir": home / "config"}
    usual = {"command": str(COMMAND), "warm": 0, "selftest": False, **folders}
    return CliSettings(environment=environment, **(usual | fields))


@asynccontextmanager
async def running(home: Path, url: str, login=OAUTH, **fields) -> AsyncIterator[CliEngine]:
    engine = CliEngine(settings(home, url, login, **fields))
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


def user(content) -> dict[str, object]:
    return {"role": "user", "content": content}


def assistant(content) -> dict[str, object]:
    return {"role": "assistant", "content": content}


def turn(*messages, client="alice", **fields) -> Turn:
    request = {"model": "claude-sonnet-4-5", "max_tokens": 300, "messages": messages, **fields}
    return Turn(
        id="1",
        client=client,
        session="0" * 32,
        model=str(request["model"]),
        stream=True,
        request=request,
        raw=json.dumps(request).encode(),
    )


def text_of(message: bytes) -> str:
    return "".join(block.get("text", "") for block in json.loads(message)["content"])


def processes() -> list[psutil.Process]:
    """The CLI's processes that this one has started, however deep."""
    return [child for child in psutil.Process().children(recursive=True) if _is_cli(child)]


def _is_cli(process: psutil.Process) -> bool:
    try:
        return process.exe() == str(COMMAND.resolve())
    except psutil.Error:
        return False

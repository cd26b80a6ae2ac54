"""The `claude` command: where it is, how it is started, and its short runs that ask nothing."""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from worker.cli.process import Launch
from worker.config import CliSettings
from worker.core.argv import arguments, environment
from worker.core.profile import READING, Profile
from worker.core.state import Login
from worker.core.tools import SERVER
from worker.errors import WorkerError

_DEFAULT: Final = "claude"
_PATIENCE: Final = 15.0


class _Servers(msgspec.Struct, rename="camel"):
    mcp_servers: Mapping[str, Mapping[str, object]] = {}


class _AuthStatus(msgspec.Struct, rename="camel"):
    logged_in: bool
    login_expires_at: float | str | None = None
    auth_method: str | None = None
    api_provider: str | None = None


def launch_of(settings: CliSettings) -> Launch:
    """How a process of these settings is started. Makes its folders, for its user only."""
    home, config_dir = settings.home.absolute(), settings.config_dir.absolute()
    directory = home / "cwd"
    scratch = home / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    for folder in (home, config_dir, scratch, directory):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    longest = max(settings.timeouts.first_event, settings.timeouts.stall)
    profile = profile_of(settings)
    _check_folders(profile)
    _check_servers(profile)
    variables = environment(settings.environment, home, config_dir, longest, profile)
    command = (*_guard(), _find(settings.command))
    sessions = config_dir / "sessions"
    return Launch(
        command, arguments(profile), variables, directory, scratch, sessions, works=profile.works
    )


def _check_folders(profile: Profile) -> None:
    """The CLI says nothing of a folder that is not there."""
    for folder in profile.folders:
        if not Path(folder).is_dir():
            raise WorkerError(f"add_dirs: {folder} is no folder")


def _check_servers(profile: Profile) -> None:
    """A server of ours stands beside the operator's: nobody may be taken for it."""
    if profile.mcp_config is None:
        return
    try:
        found = msgspec.json.decode(Path(profile.mcp_config).read_bytes(), type=_Servers)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise WorkerError(f"{profile.mcp_config}: {exc}") from exc
    if SERVER in found.mcp_servers:
        raise WorkerError(f"{profile.mcp_config}: the server {SERVER!r} needs another name")


def profile_of(settings: CliSettings) -> Profile:
    """What the operator lets the CLI do by itself."""
    folders, most = settings.add_dirs, settings.max_turns
    agent = settings.agent
    match settings.profile:
        case "read-only":
            return Profile("read-only", tools=READING, folders=folders, max_turns=most)
        case "agent":
            return Profile(
                "agent",
                tools=agent.tools,
                allow=agent.allow,
                folders=folders,
                permission_mode=agent.permission_mode,
                sources=agent.setting_sources,
                mcp_config=agent.mcp_config.absolute() if agent.mcp_config else None,
                max_turns=most,
            )
        case _:
            return Profile()


def _guard() -> tuple[str, ...]:
    """Where the system can: the kernel ends the CLI if the worker is killed in mid-turn."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()


def _find(command: str) -> str:
    """The command on PATH, else the one that comes with the claude-agent-sdk package."""
    if found := shutil.which(command):
        return str(Path(found).absolute())
    package = find_spec("claude_agent_sdk") if command == _DEFAULT else None
    for folder in package.submodule_search_locations or () if package else ():
        bundled = Path(folder) / "_bundled" / "claude"
        if bundled.is_file():
            return str(bundled)
    raise WorkerError(f"there is no command {command!r}")


async def version(launch: Launch) -> str:
    """The version of the CLI, or the empty string if it does not tell."""
    words = (await _output(launch, "--version")).split()
    return words[0].decode(errors="replace") if words else ""


async def login(launch: Launch) -> Login:
    """Whether the CLI holds a login. It asks nobody, so a revoked one still counts."""
    try:
        status = msgspec.json.decode(await _output(launch, "auth", "status"), type=_AuthStatus)
    except msgspec.DecodeError:
        return Login(ok=False)
    expires = status.login_expires_at
    third = status.auth_method == "third_party"
    method = status.api_provider if third else status.auth_method
    return Login(status.logged_in, expires if isinstance(expires, float) else None, method)


async def _output(launch: Launch, *arguments: str) -> bytes:
    """What a short run prints; empty if it cannot be had or takes too long."""
    try:
        return await _printed(launch, *arguments)
    except (OSError, TimeoutError):
        return b""


async def _printed(launch: Launch, *arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *launch.command,
        *arguments,
        env=dict(launch.environment),
        cwd=launch.directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            output, _ = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return output

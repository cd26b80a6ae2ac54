"""How a `claude` process is started: its arguments, and an environment that inherits nothing."""

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Final

from worker.core.profile import Profile

_TALK: Final = (
    "--print",
    "--verbose",
    "--input-format=stream-json",
    "--output-format=stream-json",
    "--include-partial-messages",
    "--no-session-persistence",
)

_SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_FIXED: Final = {
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    "CLAUDE_CODE_DISABLE_FILE_MENTIONS": "1",
    "CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP": "1",
    "CLAUDE_CODE_DISABLE_MODEL_ACCESS_FALLBACK": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",
    "CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK": "1",
    "CLAUDE_CODE_DISABLE_REFUSAL_RETRY": "1",
    "CLAUDE_CODE_DISABLE_TERMINAL_TITLE": "1",
    "CLAUDE_CODE_EFFORT_LEVEL": "unset",
    "CLAUDE_CODE_MAX_MCP_DESCRIPTION_LENGTH": "1000000",
    "CLAUDE_CODE_NO_MODEL_FALLBACK": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_COMPACT": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
    "ENABLE_TOOL_SEARCH": "false",
}
_PLAIN: Final = {"CLAUDE_CODE_DISABLE_ATTACHMENTS": "1", "CLAUDE_CODE_DISABLE_CLAUDE_MDS": "1"}
_CLOUDS: Final = ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX")
_LATER: Final = 10.0
_KEYED: Final = ("ANTHROPIC_API_KEY", *_CLOUDS)
_TIERS: Final = ("haiku", "opus", "sonnet")


def arguments(profile: Profile) -> tuple[str, ...]:
    """The command line of a process that talks to us. Prompts go over stdin."""
    return (*_TALK, *profile.arguments())


def environment(
    login: Mapping[str, str],
    home: PurePath,
    config_dir: PurePath,
    timeout: float,
    profile: Profile,
) -> dict[str, str]:
    """Everything a process gets. `login` holds the credential and where to send it.

    A keyed login may try once again, because only the notice of that tells how long to wait;
    the turn ends with the notice. `timeout` is in seconds, of one call to the provider; the CLI
    gives up a little later, because its own words do not tell a time-out from a broken stream.
    """
    retries = "1" if any(name in login for name in _KEYED) else "0"
    return {
        "PATH": _SYSTEM_PATH,
        **login,
        **_FIXED,
        **({} if profile.own_prompt else _PLAIN),
        **({"IS_SANDBOX": "1"} if profile.permission_mode == "bypassPermissions" else {}),
        "HOME": str(home),
        "CLAUDE_CONFIG_DIR": str(config_dir),
        "CLAUDE_CODE_MAX_RETRIES": retries,
        "API_TIMEOUT_MS": str(int((timeout + _LATER) * 1000)),
    }


def pinned(variables: Mapping[str, str], models: Iterable[str]) -> dict[str, str]:
    """The same environment with a model of each tier named, if the login is a cloud's.

    Where nobody names them, every process asks the cloud for a token of each tier when it starts,
    to see which it may use. `models` are those that the CLI offers, the best of a tier first.
    """
    if not any(name in variables for name in _CLOUDS):
        return dict(variables)
    offered = list(models)
    found = {
        f"ANTHROPIC_DEFAULT_{tier.upper()}_MODEL": next((m for m in offered if tier in m), tier)
        for tier in _TIERS
    }
    return found | dict(variables)

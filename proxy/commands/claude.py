"""The claude CLI on this machine: where it is, and what of our environment it may see."""

import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from proxy.config import Login

_PASSED_ON = frozenset(
    {
        *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TERM"),
        *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"),
    }
)


def find_claude() -> str | None:
    """The CLI on PATH, else the one that comes with the Agent SDK, else None."""
    if found := shutil.which("claude"):
        return found
    sdk = importlib.util.find_spec("claude_agent_sdk")
    bundled = Path(sdk.origin).parent / "_bundled" / "claude" if sdk and sdk.origin else None
    return str(bundled) if bundled and os.access(bundled, os.X_OK) else None


def plain_environment() -> Mapping[str, str]:
    """What programs that we start inherit: where things are, and no credential of anyone."""
    return {name: value for name, value in os.environ.items() if name in _PASSED_ON}


def command_of(login: Login) -> str:
    """The CLI of a login. Raises FileNotFoundError where there is none."""
    found = login.command or find_claude()
    if found is None:
        raise FileNotFoundError(
            f"{login.name}: the claude CLI is not installed; put it on PATH or name it by `command`"
        )
    return found

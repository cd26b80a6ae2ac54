"""Workers on this machine: the folder, the settings and the program of each login."""

import fcntl
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from proxy.commands.claude import plain_environment
from proxy.commands.supervisor import Program
from proxy.config import Address, Login, LoginMethod
from proxy.core.account import Account, AccountName

_VARIABLES: Final[Mapping[LoginMethod, Mapping[str, str]]] = {
    LoginMethod.OAUTH: {},
    LoginMethod.OAUTH_TOKEN: {"oauth_token": "CLAUDE_CODE_OAUTH_TOKEN"},
    LoginMethod.API_KEY: {"api_key": "ANTHROPIC_API_KEY"},
    LoginMethod.BEDROCK: {
        "region": "AWS_REGION",
        "profile": "AWS_PROFILE",
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
        "bearer_token": "AWS_BEARER_TOKEN_BEDROCK",
    },
    LoginMethod.VERTEX: {
        "region": "CLOUD_ML_REGION",
        "project": "ANTHROPIC_VERTEX_PROJECT_ID",
        "credentials_file": "GOOGLE_APPLICATION_CREDENTIALS",
    },
}
"""How the CLI wants to hear what a login consists of."""

_SWITCHES: Final[Mapping[LoginMethod, dict[str, str]]] = {
    LoginMethod.BEDROCK: {"CLAUDE_CODE_USE_BEDROCK": "1"},
    LoginMethod.VERTEX: {"CLAUDE_CODE_USE_VERTEX": "1"},
}
_BASE_URLS: Final = {
    LoginMethod.BEDROCK: "ANTHROPIC_BEDROCK_BASE_URL",
    LoginMethod.VERTEX: "ANTHROPIC_VERTEX_BASE_URL",
}
_PROVIDER: Final = "https://api.anthropic.com"
_DRAIN: Final = 5
"""Seconds: the proxy has drained before its workers are told to stop."""


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one login, for its owner's eyes only."""

    folder: Path

    @classmethod
    def of(cls, name: str, state_dir: Path) -> "Home":
        """The folder of an account; made if it is not there."""
        home = cls(state_dir.absolute() / "accounts" / name)
        for folder in (home.folder, home.config_dir, home.home):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        return home

    @property
    def config_dir(self) -> Path:
        """Where the CLI keeps this login."""
        return self.folder / "claude"

    @property
    def home(self) -> Path:
        """What the CLI takes for the user's home."""
        return self.folder / "home"

    def write(self, name: str, text: str) -> Path:
        """Put a file there that nobody else can read, at no moment."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(text)
        return path


@contextmanager
def held(state_dir: Path) -> Iterator[None]:
    """Keep a second `up` out: two workers on one login would ruin it. Raises OSError."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"{state_dir} is in use by another headgate up"
            raise OSError(error.errno, message) from None
        yield


@dataclass(frozen=True, slots=True)
class LocalWorker:
    """A worker to be started, and the account that it will serve."""

    account: Account
    program: Program


def local_worker(login: Login, home: Home, port: int, command: str) -> LocalWorker:
    """Lay out the worker of a login; `command` is the CLI.

    Settings go into its folder, credentials into its environment alone.
    """
    address, token = Address("127.0.0.1", port), secrets.token_urlsafe(32)
    credentials = cli_environment(login)
    settings = {
        "account": login.name,
        "listen": str(address),
        "token_file": str(home.write("token", token)),
        "engine": login.engine,
        "drain": _DRAIN,
        login.engine: _engine(login, home, command),
    }
    config = home.write("worker.yaml", yaml.safe_dump(settings, sort_keys=False))
    account = Account(
        AccountName(login.name),
        f"http://{address}",
        login.concurrency,
        login.weight,
        headers={"authorization": f"Bearer {token}"},
    )
    environment = {**plain_environment(), "HOME": str(home.home), **credentials}
    argv = (sys.executable, "-m", "worker", "--config", str(config))
    return LocalWorker(account, Program(login.name, argv, environment))


def cli_environment(login: Login) -> Mapping[str, str]:
    """What tells the CLI of this login, and of no other."""
    names = _VARIABLES[login.method]
    found = {names[key]: value for key, value in login.credentials.items()}
    if login.base_url:
        found[_BASE_URLS.get(login.method, "ANTHROPIC_BASE_URL")] = login.base_url
    if "AWS_PROFILE" in found:
        aws = Path.home() / ".aws"
        found["AWS_CONFIG_FILE"] = str(aws / "config")
        found["AWS_SHARED_CREDENTIALS_FILE"] = str(aws / "credentials")
    return found | _SWITCHES.get(login.method, {})


def _engine(login: Login, home: Home, command: str) -> Mapping[str, object]:
    """The section of the worker's engine; credentials are named in it, not written."""
    if login.engine != "cli":
        return {
            "url": login.base_url or _PROVIDER,
            "key": "${ANTHROPIC_API_KEY}",
            "concurrency": login.concurrency,
        }
    return {
        "command": command,
        "config_dir": str(home.config_dir),
        "home": str(home.home),
        "environment": {name: f"${{{name}}}" for name in cli_environment(login)},
        "max_processes": login.concurrency,
        "warm": 1,
        **login.cli,
    }

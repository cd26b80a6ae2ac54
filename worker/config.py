"""Settings: a YAML file and `HEADGATE_WORKER_*`, parsed once and trusted from then on."""

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from worker.references import resolved, with_variables
from worker.sections import (
    AgentSettings,
    ApiSettings,
    ApiTimeouts,
    ArchiveSettings,
    CliSettings,
    CliTimeouts,
    ImageSettings,
    OpenaiSettings,
    Secret,
    Section,
)

__all__ = [
    "Address",
    "AgentSettings",
    "ApiSettings",
    "ApiTimeouts",
    "ArchiveSettings",
    "CliSettings",
    "CliTimeouts",
    "ConfigError",
    "ImageSettings",
    "OpenaiSettings",
    "Settings",
    "load",
    "parse",
]


class ConfigError(Exception):
    """The configuration cannot be used; `problems` names every reason, each with its path."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Address(Section):
    """Where to listen; port 0 takes any free one."""

    host: str
    port: int = Field(ge=0, le=65535)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def _address(raw: object) -> object:
    if not isinstance(raw, str):
        return raw
    host, colon, port = raw.rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise ValueError("must be HOST:PORT")
    return {"host": host.removeprefix("[").removesuffix("]"), "port": int(port)}


Listen = Annotated[Address, BeforeValidator(_address)]


class Limits(Section):
    """Sizes in bytes."""

    body: PositiveInt = 32 * 1024 * 1024


class Timeouts(Section):
    """Seconds: `body` to read a request, `write` for a client that takes nothing.

    A stream that is silent for `ping` gets an `event: ping`.
    """

    body: PositiveFloat = 60
    write: PositiveFloat = 180
    ping: PositiveFloat = 15


class Settings(Section):
    """One worker: one account, one engine, one listener.

    A `strict` one refuses what it cannot honour instead of naming it.
    """

    account: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    listen: Listen = Address(host="127.0.0.1", port=9100)
    token: Secret | None = Field(default=None, repr=False)
    engine: Literal["cli", "api", "openai"] = "cli"
    cli: CliSettings | None = None
    api: ApiSettings | None = None
    openai: OpenaiSettings | None = None
    images: ImageSettings = ImageSettings()
    archive: ArchiveSettings = ArchiveSettings()
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    drain: NonNegativeFloat = 600
    strict: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if getattr(self, self.engine) is None:
            raise ValueError(f"engine {self.engine} needs the section {self.engine!r}")
        if self.token is None and not self.listen.loopback:
            raise ValueError("listening beyond loopback needs a token or token_file")
        return self


def load(
    file: Path | None, environ: Mapping[str, str] = os.environ, **overrides: str | None
) -> Settings:
    """Read the settings; `overrides` beat the environment, which beats the file."""
    raw = with_variables(_read(file) if file else {}, environ, Settings.model_fields)
    raw |= {key: value for key, value in overrides.items() if value is not None}
    return parse(raw, environ)


def parse(raw: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Turn raw values into settings, or tell every problem at once."""
    problems: list[str] = []
    values = resolved(dict(raw), environ, problems)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as exc:
        told = {problem.partition(":")[0].removesuffix("_file") for problem in problems}
        found = [(".".join(map(str, error["loc"])), error["msg"]) for error in exc.errors()]
        problems += [
            f"{path or 'settings'}: {text.removeprefix('Value error, ')}"
            for path, text in found
            if path not in told
        ]
    if problems:
        raise ConfigError(tuple(problems))
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError((f"{file}: {exc}",)) from exc
    if not isinstance(raw, dict):
        raise ConfigError((f"{file}: must hold a mapping",))
    return raw

"""The sections of the settings: one for each engine, and what may be fetched and kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from worker.core.profile import PermissionMode, ProfileName, SettingSource

_SAMPLES: Final = frozenset({"changeme", "change-me", "example", "password", "secret", "token"})


def _not_a_sample(secret: str) -> str:
    if not secret or secret.lower() in _SAMPLES:
        raise ValueError("is empty or a sample; set a secret of your own")
    return secret


Secret = Annotated[str, AfterValidator(_not_a_sample)]
Place = Annotated[Path, AfterValidator(Path.expanduser)]
Port = Annotated[int, Field(ge=1, le=65535)]
HostPattern = Annotated[str, Field(pattern=r"^(?i:\*|(\*\.)?([a-z0-9-]+\.)*[a-z][a-z0-9-]*)$")]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z]+$")]


class Section(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CliTimeouts(Section):
    """Deadlines of a turn's stages in seconds; `step` is that of a tool which the CLI runs."""

    start: PositiveFloat = 30
    first_event: PositiveFloat = 300
    stall: PositiveFloat = 180
    step: PositiveFloat = 900


class AgentSettings(Section):
    """What the CLI may do by itself in the profile `agent`.

    `tools` are its own; `allow` are permission rules, by default one for each tool, those on
    files for the workspace and `add_dirs` only. Each conversation has a folder in `workspaces`
    (default: in the home), which goes after `workspace_ttl` seconds without a turn unless `keep`.
    """

    tools: tuple[ToolName, ...] = ("Bash", "Edit", "Glob", "Grep", "Read", "Skill", "Write")
    allow: tuple[str, ...] = ()
    setting_sources: tuple[SettingSource, ...] = ("user",)
    mcp_config: Place | None = None
    permission_mode: PermissionMode = "dontAsk"
    workspaces: Place | None = None
    workspace_ttl: PositiveFloat = 86400
    keep: bool = False


class CliSettings(Section):
    """The `claude` CLI and its login.

    `environment` is all that it gets beside what the worker sets itself: the credential, a base
    URL. `models` maps a requested model to the one the CLI is asked for. Durations are seconds,
    `max_memory` is in bytes. Without `selftest` the CLI is believed to be the one that this worker
    was made for. `add_dirs` and `max_turns` concern the profiles with tools.
    """

    command: str = "claude"
    config_dir: Place
    home: Place
    environment: Mapping[str, str] = Field(default={}, repr=False)
    warm: NonNegativeInt = 2
    max_processes: PositiveInt = 6
    idle_ttl: PositiveFloat = 900
    max_age: PositiveFloat = 14400
    max_memory: PositiveInt | None = None
    timeouts: CliTimeouts = CliTimeouts()
    models: Mapping[str, str] = {}
    selftest: bool = True
    profile: ProfileName = "plain"
    add_dirs: tuple[Place, ...] = ()
    max_turns: PositiveInt = 50
    agent: AgentSettings = AgentSettings()

    @model_validator(mode="after")
    def _folders_make_sense(self) -> Self:
        wrong = [folder for folder in self.add_dirs if not folder.is_absolute()]
        if wrong:
            raise ValueError(f"add_dirs must be absolute: {wrong[0]}")
        if self.profile == "read-only" and not self.add_dirs:
            raise ValueError("profile read-only needs add_dirs: there is nothing else to read")
        if self.agent.workspace_ttl < self.idle_ttl:
            raise ValueError("agent.workspace_ttl must not be below idle_ttl")
        return self


class ApiTimeouts(Section):
    """Deadlines of an exchange's stages in seconds."""

    connect: PositiveFloat = 5
    first_byte: PositiveFloat = 300
    stream_idle: PositiveFloat = 180


class ApiSettings(Section):
    """A Messages API by key. `headers` go with every request; `key` is sent as `x-api-key`."""

    url: str = Field(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")
    key: Secret | None = Field(default=None, repr=False)
    headers: Mapping[str, str] = Field(default={}, repr=False)
    concurrency: PositiveInt = 6
    timeouts: ApiTimeouts = ApiTimeouts()


class OpenaiSettings(Section):
    """An OpenAI-style upstream. `key` is sent as a bearer token, `headers` with every request.

    `url` is what the SDKs call its base URL (`…/v1`); `{model}` in it is the model's name, as Azure
    wants it. `models` maps a requested model to the upstream's.
    """

    url: str = Field(pattern=r"^https?://[^/?#\s{}]+(/([^?#\s{}]|\{model\})*)?$")
    key: Secret | None = Field(default=None, repr=False)
    headers: Mapping[str, str] = Field(default={}, repr=False)
    query: Mapping[str, str] = {}
    models: Mapping[str, str] = {}
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    reasoning_effort: bool = True
    concurrency: PositiveInt = 6
    timeouts: ApiTimeouts = ApiTimeouts()

    @model_validator(mode="after")
    def _lists_models(self) -> Self:
        if "{model}" in self.url and not self.models:
            raise ValueError("an url with {model} needs models: nobody lists them there")
        return self


class ImageSettings(Section):
    """From where images and documents that requests name by URL are fetched; nowhere by default.

    `allow` are hosts: a name, or `*.` and a name for all below it. Only public addresses are
    connected to, and those in `allow_private_ranges`. Bytes, and seconds for all of a request's.
    """

    allow: tuple[HostPattern, ...] = ()
    allow_http: bool = False
    allow_private_ranges: tuple[IPvAnyNetwork, ...] = ()
    ports: tuple[Port, ...] = (443,)
    max_files: PositiveInt = 20
    max_bytes: PositiveInt = 10 * 1024 * 1024
    max_total_bytes: PositiveInt = 24 * 1024 * 1024
    timeout: PositiveFloat = 10


class ArchiveSettings(Section):
    """What is remembered of turns, in memory only: bytes, and seconds after a session's last.

    Without `transcripts` only counts and times are; then no response can be gone on from.
    """

    max_bytes: PositiveInt = 64 * 1024 * 1024
    ttl: PositiveFloat = 3600
    transcripts: bool = True

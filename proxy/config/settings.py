"""The values that configuration becomes. Durations are seconds, sizes are bytes.

The groups are checked as they stand here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from proxy.config.address import Address
from proxy.core.account import Account
from proxy.core.bill import Prices
from proxy.core.quota import ClientLimits
from proxy.store.address import Link

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Pause = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]


DATA = Address("127.0.0.1", 8080)
ADMIN = Address("127.0.0.1", 8081)


class Priority(StrEnum):
    """The two classes of the queue."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Client:
    """Someone who may send requests. Of the key only its SHA-256 digest is kept.

    A revoked client is told so, unlike one that nobody knows.
    """

    name: str
    digest: bytes = field(repr=False)
    priority: Priority = Priority.INTERACTIVE
    limits: ClientLimits = field(default_factory=ClientLimits)
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Admin:
    """The admin listener. Without a token only this machine is answered."""

    listen: Address = ADMIN
    token: str | None = field(default=None, repr=False)


class LoginMethod(StrEnum):
    """How a local worker's login is made."""

    OAUTH = "oauth"
    OAUTH_TOKEN = "oauth_token"  # noqa: S105
    API_KEY = "api_key"
    BEDROCK = "bedrock"
    VERTEX = "vertex"


@dataclass(frozen=True, slots=True)
class Login:
    """An account whose worker `headgate up` starts on this machine.

    `credentials` are what its method needs, by their names in the configuration. `engine` is
    `cli`, `api` or `openai`; `command` is the CLI to run and `base_url` the provider, None for
    the usual one. `cli` are further settings of that engine, which the worker checks.
    """

    name: str
    method: LoginMethod
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    concurrency: int = 6
    weight: float = 1.0
    engine: Literal["cli", "api", "openai"] = "cli"
    command: str | None = None
    base_url: str | None = None
    cli: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SharedStore:
    """Redis, which several replicas share. `replicas` is assumed until they have been counted."""

    link: Link
    prefix: str = "headgate"
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Discovery:
    """Workers behind a name: each address it leads to is asked, every `interval`, who it is.

    `headers` hold the workers' token. `concurrency` bounds what a worker may carry; None leaves
    it to the worker.
    """

    dns: Address
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    interval: float = 5.0
    concurrency: int | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Affinity:
    """How long a session stays bound after its last request, and how many are remembered."""

    ttl: Seconds = 3600
    max_sessions: Count = 100_000


@dataclass(frozen=True, slots=True)
class Gate:
    """How long a slot outlives a silent replica, and a session waits for its own account."""

    lease_ttl: Seconds = 45
    spill_after: Pause = 20


@dataclass(frozen=True, slots=True)
class Queue:
    """How many requests may wait, how large together, how long each."""

    max_requests: Count = 1000
    max_bytes: Count = 268_435_456
    max_wait: Pause = 60


@dataclass(frozen=True, slots=True)
class Retries:
    """The budget of retries: a `share` of the requests, and at least `floor` a second."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.1
    floor: Pause = 1


@dataclass(frozen=True, slots=True)
class Probing:
    """Whether accounts that rest for long are asked now and then if they have recovered early.

    At most four times an hour, for a token of `model`; `every` None asks nothing.
    """

    every: Annotated[float, Field(ge=900, allow_inf_nan=False)] | None = 900
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """A deadline for each stage; a stream has an idle time, never a total.

    `first_content` is how long the head of an answer waits for content, `ping` how long a
    stream may be silent before the client gets a sign of life. `drain_dwell` and `drain` are the
    two phases of stopping: unready but serving, then finishing.
    """

    client_header: Seconds = 10
    client_body_idle: Seconds = 30
    client_idle: Seconds = 75
    client_write: Seconds = 180
    connect: Seconds = 5
    first_byte: Seconds = 300
    first_content: Seconds = 10
    ping: Seconds = 15
    stream_idle: Seconds = 180
    drain_dwell: Pause = 10
    drain: Pause = 600


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest body and the largest head that a client may send."""

    body: Count = 33_554_432
    header: Annotated[int, Field(ge=1024)] = 65_536


@dataclass(frozen=True, slots=True)
class Usage:
    """For how many days it is remembered what was used."""

    days: Count = 90


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the proxy is told. `state_file` None keeps nothing over a restart.

    `store` None is this process's memory, and the only one that a state file is for.
    `accounts` have a worker of their own; the workers of `logins` are still to be started.
    `warnings` are what an operator should hear of although it may run. `files` are those it was
    read from, with digests of what they held.
    """

    accounts: tuple[Account, ...]
    logins: tuple[Login, ...] = ()
    discovery: Discovery | None = None
    clients: tuple[Client, ...] = ()
    listen: Address = DATA
    admin: Admin = Admin()
    store: SharedStore | None = None
    state_file: Path | None = None
    affinity: Affinity = Affinity()
    gate: Gate = Gate()
    queue: Queue = Queue()
    retries: Retries = Retries()
    probing: Probing = Probing()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    usage: Usage = Usage()
    prices: Prices = field(default_factory=dict)
    expose_account: bool = False
    warnings: tuple[str, ...] = ()
    files: Mapping[Path, str] = field(default_factory=dict, compare=False, repr=False)

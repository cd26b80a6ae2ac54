"""What a worker tells of itself: the values behind `GET /state`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from worker.core.verdict import Kind, Scope


@dataclass(frozen=True, slots=True)
class Window:
    """How much of one rate-limit window is used (0..1 and above) and when it resets (epoch s)."""

    name: str
    utilization: float
    resets_at: float | None = None
    status: str = "allowed"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that stands. `models` are the families it covers; empty means every one."""

    kind: Kind
    scope: Scope
    until: float | None = None
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """Whether the login works, and when it runs out (epoch s) where that is known.

    `method` is one word for its kind, and `checked_at` (epoch s) when it was last looked at.
    """

    ok: bool
    expires_at: float | None = None
    method: str | None = None
    checked_at: float | None = None

    def works_at(self, now: float) -> bool:
        """Whether it is good and has not run out."""
        return self.ok and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True)
class Slots:
    """How many turns may run at once and how many do."""

    max: int
    busy: int


@dataclass(frozen=True, slots=True)
class Processes:
    """An engine's processes by what they do now, and what has come of them since the start.

    `replaced` counts those that ended with their turn, `reused` the turns that went on in the
    process of the turn before. `memory` is in bytes, measured where that can be and guessed else;
    `claim_seconds` is what all `claims` took together.
    """

    warm: int = 0
    idle: int = 0
    busy: int = 0
    started: int = 0
    replaced: int = 0
    reused: int = 0
    memory: int | None = None
    claims: int = 0
    claim_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineState:
    """An engine at one moment. `reason` is one word where `ready` is false.

    `features` says of everything that may be missing whether it is there. `live` are the clients'
    sessions for which something is kept running.
    """

    ready: bool
    login: Login
    slots: Slots
    reason: str | None = None
    windows: tuple[Window, ...] = ()
    limit: Limit | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    features: Mapping[str, bool] = field(default_factory=dict)
    profile: str | None = None
    processes: Processes | None = None
    live: Collection[tuple[str, str]] = ()

"""What a worker tells of itself: the values behind `GET /state`."""

from collections.abc import Mapping
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
    """Whether the login works, and when it runs out (epoch s) where that is known."""

    ok: bool
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Slots:
    """How many turns may run at once and how many do."""

    max: int
    busy: int


@dataclass(frozen=True, slots=True)
class EngineState:
    """An engine at one moment. `reason` is one word where `ready` is false."""

    ready: bool
    login: Login
    slots: Slots
    reason: str | None = None
    windows: tuple[Window, ...] = ()
    limit: Limit | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

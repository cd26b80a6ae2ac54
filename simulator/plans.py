"""Plans: what an account may use, and how a window of one stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import msgspec

_LENGTHS = {"five_hour": 18_000.0}
_MODELS = {"seven_day_opus": ("opus",), "seven_day_sonnet": ("sonnet",)}
_WEEK = 604_800.0
_MINUTE = 60.0
_WARNED_AT = 0.8


class Style(StrEnum):
    """Which header family a plan's answers carry. AUTO: unified for bearer tokens, else key."""

    AUTO = "auto"
    UNIFIED = "unified"
    KEY = "key"
    OPENAI = "openai"
    NONE = "none"


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A budget that is full again `seconds` after its first use (0: by its name).

    `models`: parts of model names that count here. None: by the window's name, else all.
    """

    budget: float
    unit: Literal["requests", "tokens"] = "requests"
    seconds: float = 0
    models: tuple[str, ...] = ()


class Burst(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most so many requests in any so many seconds."""

    requests: int
    seconds: float


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an account may use. `time_scale` 3600 makes a five-hour window last five seconds."""

    windows: Mapping[str, Window] = {}
    burst: Burst | None = None
    concurrency: int | None = None
    overage: bool = False
    style: Style = Style.AUTO
    time_scale: float = 1

    def seconds(self, name: str) -> float:
        usual = _WEEK if name.startswith("seven_day") else _LENGTHS.get(name, _MINUTE)
        return (self.windows[name].seconds or usual) / self.time_scale

    def counts(self, name: str, model: str) -> bool:
        """Whether a request to this model counts in the window."""
        models = self.windows[name].models or _MODELS.get(name, ())
        return not models or any(part in model for part in models)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a window stands. `resets_at` is an instant (epoch seconds)."""

    name: str
    used: float
    budget: float
    resets_at: float

    @property
    def utilization(self) -> float:
        return self.used / self.budget if self.budget > 0 else 1.0

    @property
    def status(self) -> Literal["allowed", "allowed_warning", "rejected"]:
        if self.utilization >= 1:
            return "rejected"
        return "allowed_warning" if self.utilization >= _WARNED_AT else "allowed"

"""How long a newcomer would wait in line, told by how fast the line has moved."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from proxy.core.account import ModelFamily

ENOUGH: Final = 5
"""Grants after which a pace is believed."""

WEIGHT: Final = 0.1
"""How much of the estimate is the latest interval."""

STALE: Final = 600.0
"""Seconds after which a pace that was once observed says nothing any more."""


class Place(NamedTuple):
    """Who waits for what."""

    family: ModelFamily
    client: str
    batch: bool


@dataclass(slots=True)
class Pace:
    """Seconds from one grant to the next, while somebody waits (an exponential average)."""

    every: float = 0.0
    seen: int = 0
    since: float = 0.0

    def moved(self, now: float) -> None:
        """Somebody was served."""
        self.seen += 1
        step = now - self.since
        self.every += max(WEIGHT, 1 / self.seen) * (step - self.every)
        self.since = now

    def wait(self, ahead: int, now: float, *, formed: bool) -> float | None:
        """Seconds until one is served who has so many ahead; None if nobody knows.

        A line that has formed and stands still is expected to stand as long again.
        """
        still = now - self.since
        if self.seen < ENOUGH or (not formed and still > STALE):
            return None
        return ahead * self.every + max(self.every, still if formed else 0.0)


@dataclass(slots=True)
class Forecast:
    """The lines of one replica, by model family."""

    _waiting: Counter[Place] = field(default_factory=Counter)
    _lengths: Counter[ModelFamily] = field(default_factory=Counter)
    _paces: defaultdict[ModelFamily, Pace] = field(default_factory=lambda: defaultdict(Pace))

    def joined(self, place: Place, now: float) -> None:
        """Somebody waits."""
        if not self._lengths[place.family]:
            self._paces[place.family].since = now
        self._waiting[place] += 1
        self._lengths[place.family] += 1

    def left(self, place: Place, now: float, *, served: bool) -> None:
        """Somebody waits no longer."""
        self._waiting[place] -= 1
        self._lengths[place.family] -= 1
        if not self._waiting[place]:
            del self._waiting[place]
        if served:
            self._paces[place.family].moved(now)

    def waiting(self, family: ModelFamily) -> int:
        """How many wait for this family."""
        return self._lengths[family]

    def wait(self, place: Place, now: float) -> float | None:
        """Seconds until a newcomer would be served, who finds no account free; None if unknown."""
        pace, formed = self._paces.get(place.family), self._lengths[place.family] > 0
        return None if pace is None else pace.wait(self._ahead(place), now, formed=formed)

    def _ahead(self, place: Place) -> int:
        """How many are served before it: one of each client's in turn, interactive ones first."""
        own, others = self._waiting[place], 0
        for other, count in self._waiting.items():
            if other.family != place.family or other == place:
                continue
            if other.batch == place.batch:
                others += min(count, own + 1)
            elif place.batch:
                others += count
        return own + others

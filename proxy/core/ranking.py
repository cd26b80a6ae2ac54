"""Placement: weighted rendezvous hashing with bounded load. Replicas that know the same agree.

Every account draws a score for a session; the best score wins, an account twice as heavy wins
twice as often, and losing an account moves only its own sessions. The order is drawn before a
claim; the bound is kept inside it, where nothing can be out of date.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import ceil, log
from typing import Final

import msgspec

from proxy.core.account import ANY_MODEL, Account, AccountName, ModelFamily, Window
from proxy.core.limits import FIVE_HOURS, SEVEN_DAYS

BOUND: Final = 1.25
"""The load an account may carry before others go first, as a multiple of its fair share."""

BANDS: Final = 10
LEAST_HEADROOM: Final = 0.02
"""What an account weighs whose window is used up but that is not refused."""

MOST_TILT: Final = 0.5
"""How much more an account weighs just before its window resets: unused quota is lost then."""

LENGTHS: Final = {
    "five_hour": FIVE_HOURS,
    "seven_day": SEVEN_DAYS,
    "seven_day_opus": SEVEN_DAYS,
    "seven_day_sonnet": SEVEN_DAYS,
}

MASK: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Share:
    """An account's part in the placing of sessions. It changes slowly: keep it for a second."""

    name: AccountName
    weight: float
    seed: int


def shares(
    accounts: Sequence[Account],
    windows: Mapping[AccountName, Sequence[Window]],
    family: ModelFamily,
    now: float,
) -> tuple[Share, ...]:
    """Weigh the accounts for a model family, by size, headroom and the soonest reset."""
    return tuple(
        Share(
            account.name,
            account.weight * favour(windows.get(account.name, ()), family, now),
            _hash(account.name),
        )
        for account in accounts
    )


def favour(windows: Sequence[Window], family: ModelFamily, now: float) -> float:
    """The factor that an account's windows put on its size, in steps of a tenth."""
    standing = [
        window
        for window in windows
        if window.family in {ANY_MODEL, family}
        and (window.resets_at is None or window.resets_at > now)
    ]
    headroom = min((1 - window.utilization for window in standing), default=1.0)
    banded = min(1.0, ceil(round(headroom * BANDS, 6)) / BANDS)
    return max(LEAST_HEADROOM, banded) * (1 + MOST_TILT * _nearness(standing, now))


def _nearness(windows: Sequence[Window], now: float) -> float:
    """How much of the window that resets soonest has gone by, 0..1 in tenths."""
    ends = [
        (window.resets_at - now, LENGTHS[window.name])
        for window in windows
        if window.resets_at is not None and window.name in LENGTHS
    ]
    left, length = min(ends, default=(1.0, 1.0))
    return max(0, int(round(BANDS * (1 - left / length), 6))) / BANDS


def rank(session: str | None, candidates: Sequence[Share]) -> Sequence[Share]:
    """Order the accounts for a session by what it draws for each, best first.

    What they carry is left to `choose`, in the moment of the claim.
    """
    if session is None:
        return candidates
    drawn = _hash(session)
    order = [
        (-log(_mixed(drawn ^ share.seed)) / share.weight, share.name, share) for share in candidates
    ]
    return [share for _, _, share in sorted(order)]


class Load(msgspec.Struct, frozen=True):
    """What an account that does not rest carries, and whether it may take one request more.

    It is `doubtful` while nothing has succeeded since it failed.
    """

    share: float
    in_flight: int
    room: bool
    doubtful: bool = False


def choose(loads: Sequence[Load], *, drawn: bool) -> int | None:
    """The place of the account that takes one request more; None where none has room.

    Within its bound an account comes before a doubtful one, and that before one with more than its
    share of the load. Who comes back from a limit is not doubtful: were it refused, its one canary
    would go on elsewhere at no cost, and were it avoided, its quota would be lost. Of equals the
    first goes if they are in an order drawn for a session, else the one with least load.
    """
    if not loads:
        return None
    fair = (
        BOUND * (1 + sum([load.in_flight for load in loads])) / sum([load.share for load in loads])
    )
    best: tuple[int, float, int] | None = None
    for place, load in enumerate(loads):
        if load.room:
            over = load.in_flight + 1 > ceil(fair * load.share)
            tier = 2 if over else int(load.doubtful)
            if drawn and tier == 0:
                return place
            cost = tier, 0.0 if drawn else (load.in_flight + 1) / load.share, place
            best = cost if best is None else min(best, cost)
    return best and best[2]


def _mixed(value: int) -> float:
    """A number in (0, 1] that depends on every bit (the finaliser of splitmix64)."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return ((value >> 11) ^ (value >> 42)) * 2.0**-53 + 2.0**-53


@lru_cache(maxsize=4096)
def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")

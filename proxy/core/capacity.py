"""What a client is told of the fleet, so that it can pace itself."""

from collections.abc import Sequence
from enum import StrEnum
from math import inf
from typing import Final

import msgspec

from proxy.core.account import AccountState, ModelFamily

Seconds = float | None


class Light(StrEnum):
    """Go, go slowly, or wait."""

    GREEN = "green"  # a slot is free and nobody waits for one
    YELLOW = "yellow"  # accounts serve, but a request would have to wait
    RED = "red"  # no account serves this family now


class Wait(msgspec.Struct, frozen=True):
    """How long a request would wait now (seconds), by priority; None where nobody knows."""

    interactive: Seconds
    batch: Seconds


class Room(msgspec.Struct, frozen=True):
    """How the accounts stand that may serve a model family.

    `waiting` counts requests in line at this replica; `resets_at` is the soonest end of a rest.
    """

    state: Light
    free: int
    in_flight: int
    limit: int
    waiting: int
    resets_at: float | None
    wait: Wait


class Line(msgspec.Struct, frozen=True):
    """The line for a model family, as the client would find it (seconds, None: unknown)."""

    waiting: int
    interactive: Seconds
    batch: Seconds


_NOW: Final = Wait(0.0, 0.0)


def room(accounts: Sequence[AccountState], family: ModelFamily, line: Line, now: float) -> Room:
    """Sum up the accounts in service for a family."""
    rests = [account.cooldown(family, now) for account in accounts]
    serving = [account for account, rest in zip(accounts, rests, strict=True) if rest is None]
    ends = [rest.until for rest in rests if rest is not None and rest.until < inf]
    free = sum(max(0, account.limit - account.in_flight) for account in serving)
    resets_at = min(ends, default=None)
    light = Light.GREEN if free and not line.waiting else Light.YELLOW
    wait = _NOW if light is Light.GREEN else Wait(line.interactive, line.batch)
    if not serving:
        light, rest = Light.RED, None if resets_at is None else resets_at - now
        wait = Wait(rest, rest)
    return Room(
        state=light,
        free=free,
        in_flight=sum(account.in_flight for account in serving),
        limit=sum(account.limit for account in serving),
        waiting=line.waiting,
        resets_at=resets_at,
        wait=wait,
    )

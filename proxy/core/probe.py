"""What a worker's `/state` says, and what follows from it for its account."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from proxy.core.account import ANY_MODEL, ModelFamily, Window
from proxy.core.cooldown import BackoffPolicy, Cooldown, cooldown_after
from proxy.core.limits import sane_reset
from proxy.core.models import model_family, window_family
from proxy.core.verdict import Kind, Scope, Verdict


class Login(msgspec.Struct, frozen=True):
    """The worker's login as it sees it."""

    ok: bool
    expires_at: float | None = None


class ReportedWindow(msgspec.Struct, frozen=True):
    name: str
    utilization: float = 0.0
    resets_at: float | None = None
    status: str = "allowed"


class ReportedLimit(msgspec.Struct, frozen=True):
    """A limit that stands; words we do not know are no limit."""

    kind: str
    scope: str = Scope.ACCOUNT
    until: float | None = None
    models: tuple[str, ...] = ()


class ReportedSlots(msgspec.Struct, frozen=True):
    """How many turns the worker runs at once."""

    max: Annotated[int, Meta(ge=1)]


class Probe(msgspec.Struct, frozen=True):
    """A worker's state; fields we do not know are passed over."""

    ready: bool
    account: str = ""
    reason: str | None = None
    login: Login | None = None
    windows: tuple[ReportedWindow, ...] = ()
    limit: ReportedLimit | None = None
    slots: ReportedSlots | None = None


_decoder = msgspec.json.Decoder(Probe)


def read_probe(body: bytes) -> Probe:
    """Read an answer of `/state`. Raises msgspec.MsgspecError if it is none."""
    return _decoder.decode(body)


def reported_windows(probe: Probe, now: float) -> tuple[Window, ...]:
    """The windows as ranking wants them; a reset that cannot be is put a minute ahead."""
    return tuple(
        Window(
            seen.name,
            seen.utilization,
            seen.resets_at and sane_reset(seen.name, max(seen.resets_at, now), now),
            seen.status,
            window_family(seen.name),
        )
        for seen in probe.windows
    )


def reported_rests(
    probe: Probe, now: float, policy: BackoffPolicy
) -> Mapping[ModelFamily, Cooldown]:
    """The cooldowns that a reported limit asks for; one whose time is over asks for none."""
    limit = probe.limit
    if limit is None or (limit.until is not None and limit.until <= now):
        return {}
    try:
        verdict = Verdict(Kind(limit.kind), Scope(limit.scope), limit.until)
    except ValueError:
        return {}
    cooldown = cooldown_after(verdict, 1, now, policy, 0.0)
    if cooldown is None:
        return {}
    if verdict.scope is Scope.MODEL:
        return dict.fromkeys(map(model_family, limit.models), cooldown)
    return {ANY_MODEL: cooldown}

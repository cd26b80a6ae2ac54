"""`/_sim/…`: what a test or a demo may see and change while the simulator runs."""

import time
from typing import TypeVar

import msgspec
from aiohttp import web

from simulator.config import Pacing
from simulator.errors import bad_request
from simulator.orders import Order
from simulator.plans import Plan
from simulator.provider import PROVIDER, Provider

T = TypeVar("T")


class PlanChange(msgspec.Struct, forbid_unknown_fields=True):
    """A new plan, or shares of windows used (`{"five_hour": 1.0}`), with seconds to their reset."""

    account: str
    plan: Plan | None = None
    used: dict[str, float] = {}
    resets_in: float | None = None


class PacingChange(msgspec.Struct, forbid_unknown_fields=True):
    """`account` None: for all that have none of their own."""

    pacing: Pacing
    account: str | None = None


class Clock(msgspec.Struct, forbid_unknown_fields=True):
    """Let so many seconds pass for every plan."""

    advance: float


def admin_routes() -> list[web.RouteDef]:
    return [
        web.get("/_sim/records", _records),
        web.get("/_sim/tally", _tally),
        web.post("/_sim/reset", _reset),
        web.get("/_sim/plans", _plans),
        web.post("/_sim/plans", _change_plan),
        web.post("/_sim/pacing", _change_pacing),
        web.post("/_sim/clock", _advance),
        web.post("/_sim/faults", _add_fault),
        web.delete("/_sim/faults", _clear_faults),
    ]


def apply_plan(provider: Provider, change: PlanChange) -> None:
    """Raises ApiError for an account or a window that is not there."""
    account = provider.accounts.named(change.account)
    if change.plan is not None:
        account.ledger.change(change.plan)
    for window, share in change.used.items():
        if window not in account.ledger.plan.windows:
            raise bad_request(f"{change.account} has no window {window}")
        account.ledger.set_used(window, share, time.time(), change.resets_in)


async def _records(request: web.Request) -> web.Response:
    """Bodies come as base64."""
    return _json(request.app[PROVIDER].records.kept())


async def _tally(request: web.Request) -> web.Response:
    return _json(request.app[PROVIDER].records.tally)


async def _reset(request: web.Request) -> web.Response:
    provider = request.app[PROVIDER]
    provider.records.clear()
    provider.faults.clear()
    return _json({})


async def _plans(request: web.Request) -> web.Response:
    now = time.time()
    accounts = request.app[PROVIDER].accounts
    return _json({account.name: account.ledger.standings("", now) for account in accounts})


async def _change_plan(request: web.Request) -> web.Response:
    apply_plan(request.app[PROVIDER], await _body(request, PlanChange))
    return _json({})


async def _change_pacing(request: web.Request) -> web.Response:
    change = await _body(request, PacingChange)
    provider = request.app[PROVIDER]
    if change.account is None:
        provider.pacing = change.pacing
    else:
        provider.accounts.named(change.account).pacing = change.pacing
    return _json({})


async def _advance(request: web.Request) -> web.Response:
    clock = await _body(request, Clock)
    for account in request.app[PROVIDER].accounts:
        account.ledger.advance(clock.advance)
    return _json({})


async def _add_fault(request: web.Request) -> web.Response:
    request.app[PROVIDER].faults.add(await _body(request, Order))
    return _json({})


async def _clear_faults(request: web.Request) -> web.Response:
    request.app[PROVIDER].faults.clear()
    return _json({})


async def _body(request: web.Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as exc:
        raise bad_request(str(exc)) from exc


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")

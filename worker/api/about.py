"""What a worker tells people and machines that watch it: health, version, login, figures."""

from http import HTTPStatus
from time import time

from aiohttp import web

from worker.api.answers import success
from worker.api.parts import PARTS
from worker.api.state import VERSION, why_unready


async def live(_request: web.Request) -> web.Response:
    """The process runs and answers."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Whether it can serve, and if not, why; a 503 is for balancers."""
    answer = await health(request)
    if why_unready(request.app[PARTS]) is not None:
        answer.set_status(HTTPStatus.SERVICE_UNAVAILABLE)
    return answer


async def health(request: web.Request) -> web.Response:
    """The same for people: the process answers, whatever it can serve."""
    reason = why_unready(request.app[PARTS])
    return success(request, {"status": reason or "ready"})


async def auth_status(request: web.Request) -> web.Response:
    """The login, without any part of it that is secret."""
    parts = request.app[PARTS]
    login = parts.engine.state().login
    told = {
        "account": parts.settings.account,
        "engine": parts.engine.name,
        "ok": login.ok,
        "method": login.method,
        "expires_at": login.expires_at,
        "checked_at": login.checked_at,
    }
    return success(request, told)


async def version(request: web.Request) -> web.Response:
    """What runs here and what it can do."""
    parts = request.app[PARTS]
    now = parts.engine.state()
    told = {
        "name": "headgate-worker",
        "version": VERSION,
        "cli": now.versions.get("cli"),
        "engine": parts.engine.name,
        "profile": now.profile,
        "features": now.features,
    }
    return success(request, told)


async def stats(request: web.Request) -> web.Response:
    """Figures since the start; tokens are the provider's own count."""
    parts = request.app[PARTS]
    now, archive = parts.engine.state(), parts.archive
    told = {
        "account": parts.settings.account,
        "uptime": time() - parts.started_at,
        "turns": parts.metrics.turns(),
        "tokens": parts.metrics.tokens(),
        "slots": {"max": now.slots.max, "busy": now.slots.busy, "waiting": parts.gate.waiting},
        "processes": now.processes,
        "sessions": {"kept": archive.kept, "bytes": archive.size, "live": len(now.live)},
    }
    return success(request, told)

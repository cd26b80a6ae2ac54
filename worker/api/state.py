"""What a worker tells the proxy and Prometheus: `/state`, `/metrics`."""

from importlib.metadata import version
from typing import Final

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from worker.api.parts import PARTS, Parts

VERSION: Final = version("headgate")


async def state(request: web.Request) -> web.Response:
    """What the proxy asks every two seconds."""
    parts = request.app[PARTS]
    now = parts.engine.state()
    reason = why_unready(parts)
    told = {
        "account": parts.settings.account,
        "engine": parts.engine.name,
        "versions": {"headgate": VERSION, **now.versions},
        "ready": reason is None,
        "reason": reason,
        "login": now.login,
        "windows": now.windows,
        "limit": now.limit,
        "slots": now.slots,
        "features": now.features,
        "profile": now.profile,
        "processes": now.processes,
    }
    return web.Response(body=msgspec.json.encode(told), content_type="application/json")


async def metrics(request: web.Request) -> web.Response:
    """For Prometheus."""
    body = request.app[PARTS].metrics.render()
    return web.Response(body=body, headers={"content-type": CONTENT_TYPE_LATEST})


def why_unready(parts: Parts) -> str | None:
    """Why no turn would be served now, in a word; None if one would."""
    return "draining" if parts.gate.draining else parts.engine.state().reason

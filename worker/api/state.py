"""What a worker tells of itself: `/state`, `/health`, `/metrics`."""

from importlib.metadata import version
from typing import Final

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from worker.api.parts import PARTS

_VERSION: Final = version("headgate")


async def state(request: web.Request) -> web.Response:
    """What the proxy asks every two seconds."""
    parts = request.app[PARTS]
    now = parts.engine.state()
    draining = parts.gate.draining
    told = {
        "account": parts.settings.account,
        "engine": parts.engine.name,
        "versions": {"headgate": _VERSION, **now.versions},
        "ready": now.ready and not draining,
        "reason": "draining" if draining else now.reason,
        "login": now.login,
        "windows": now.windows,
        "limit": now.limit,
        "slots": now.slots,
        "features": now.features,
        "profile": now.profile,
        "processes": now.processes,
    }
    return web.Response(body=msgspec.json.encode(told), content_type="application/json")


async def health(_request: web.Request) -> web.Response:
    """The process runs and answers; whether it can serve is the state's business."""
    return web.json_response({"status": "ok"})


async def metrics(request: web.Request) -> web.Response:
    """For Prometheus."""
    body = request.app[PARTS].metrics.render()
    return web.Response(body=body, headers={"content-type": CONTENT_TYPE_LATEST})

"""`GET /v1/models` and `GET /v1/models/{id}`."""

import msgspec
from aiohttp import web

from worker.api.answers import identity
from worker.api.parts import PARTS
from worker.engines.base import Model
from worker.errors import NotFoundError


async def list_models(request: web.Request) -> web.Response:
    """List every model on one page."""
    models = await request.app[PARTS].engine.models()
    page = {
        "data": [_told(model) for model in models],
        "has_more": False,
        "first_id": models[0].id if models else None,
        "last_id": models[-1].id if models else None,
    }
    return _json(request, page)


async def get_model(request: web.Request) -> web.Response:
    """Tell of one model."""
    wanted = request.match_info["id"]
    for model in await request.app[PARTS].engine.models():
        if model.id == wanted:
            return _json(request, _told(model))
    raise NotFoundError("no such model")


def _told(model: Model) -> dict[str, str]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.display_name,
        "created_at": model.created_at,
    }


def _json(request: web.Request, value: dict[str, object] | dict[str, str]) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers=identity(request),
    )

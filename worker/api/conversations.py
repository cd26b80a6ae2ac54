"""`/v1/conversations`: the sessions again, in OpenAI's shapes."""

from aiohttp import web

from worker.api.answers import success
from worker.api.pages import page_of
from worker.api.parts import PARTS
from worker.api.requests import client_of
from worker.api.sessions import forget, view_of
from worker.archive import SessionView
from worker.core.items import items_of
from worker.core.message import Block
from worker.errors import BadRequestError, NotFoundError


async def list_conversations(request: web.Request) -> web.Response:
    """List a client's conversations, the last used first."""
    views = request.app[PARTS].archive.sessions(client_of(request))
    return success(request, page_of(request, [_told(view) for view in views]))


async def get_conversation(request: web.Request) -> web.Response:
    """Tell of one conversation."""
    return success(request, _told(view_of(request)))


async def delete_conversation(request: web.Request) -> web.Response:
    """Forget a conversation and end what runs for it."""
    forget(request)
    told = {"id": request.match_info["id"], "object": "conversation.deleted", "deleted": True}
    return success(request, told)


async def list_items(request: web.Request) -> web.Response:
    """List what was said; the newest first, unless asked otherwise."""
    order = request.query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise BadRequestError("order: must be asc or desc")
    items = _items(request)
    return success(request, page_of(request, items if order == "asc" else items[::-1]))


async def get_item(request: web.Request) -> web.Response:
    """Tell of one item."""
    for item in _items(request):
        if item["id"] == request.match_info["item"]:
            return success(request, item)
    raise NotFoundError("no such item")


def _items(request: web.Request) -> list[Block]:
    view = view_of(request)
    return items_of(request.app[PARTS].archive.transcript(client_of(request), view.id))


def _told(view: SessionView) -> Block:
    created = int(view.created_at)
    return {"id": view.id, "object": "conversation", "created_at": created, "metadata": {}}

"""`/v1/sessions`: what is remembered of a client's conversations."""

from collections.abc import Iterable, Sequence

from aiohttp import web

from worker.api.answers import identity, success
from worker.api.pages import page_of
from worker.api.parts import PARTS
from worker.api.requests import client_of
from worker.archive import SessionView
from worker.core.markdown import markdown_of
from worker.core.message import Block
from worker.errors import BadRequestError, NotFoundError


async def list_sessions(request: web.Request) -> web.Response:
    """List a client's sessions, the last used first."""
    views = request.app[PARTS].archive.sessions(client_of(request))
    return success(request, page_of(request, _told(request, views)))


async def get_session(request: web.Request) -> web.Response:
    """Tell of one session."""
    (told,) = _told(request, [view_of(request)])
    return success(request, told)


async def delete_session(request: web.Request) -> web.Response:
    """Forget a session and end what runs for it."""
    forget(request)
    told = {"id": request.match_info["id"], "object": "session.deleted", "deleted": True}
    return success(request, told)


async def transcript(request: web.Request) -> web.Response:
    """All that was said, as JSON or as text."""
    view = view_of(request)
    said = request.app[PARTS].archive.transcript(client_of(request), view.id)
    match request.query.get("format", "json"):
        case "json":
            told = {"id": view.id, "object": "session.transcript", "data": said}
            return success(request, told)
        case "markdown":
            return web.Response(
                text=markdown_of(said), content_type="text/markdown", headers=identity(request)
            )
        case _:
            raise BadRequestError("format: must be json or markdown")


def view_of(request: web.Request) -> SessionView:
    """The session that the path names; another client's is as good as none."""
    view = request.app[PARTS].archive.session(client_of(request), request.match_info["id"])
    if view is None:
        raise NotFoundError("no such session")
    return view


def forget(request: web.Request) -> None:
    """Forget the session that the path names, or raise `NotFoundError`."""
    parts, owner = request.app[PARTS], (client_of(request), request.match_info["id"])
    known = parts.archive.forget(*owner)
    if not known and owner not in parts.engine.state().live:
        raise NotFoundError("no such session")
    parts.engine.forget(*owner)


def _told(request: web.Request, views: Iterable[SessionView]) -> Sequence[Block]:
    parts, client = request.app[PARTS], client_of(request)
    live = parts.engine.state().live
    return [
        {
            "id": view.id,
            "object": "session",
            "account": parts.settings.account,
            "models": view.models,
            "created_at": view.created_at,
            "last_used_at": view.last_used_at,
            "turns": view.turns,
            "usage": view.usage,
            "live": (client, view.id) in live,
        }
        for view in views
    ]

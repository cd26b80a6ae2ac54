"""The worker's surface as one application."""

from aiohttp import web

from worker.api import (
    about,
    chat_completions,
    conversations,
    messages,
    models,
    responses,
    sessions,
    state,
)
from worker.api.edge import edge
from worker.api.parts import PARTS, Parts


def make_app(parts: Parts) -> web.Application:
    """Every route behind the one edge, which guards them all."""
    app = web.Application(middlewares=[edge], client_max_size=parts.settings.limits.body)
    app[PARTS] = parts
    app[models.CATALOGUE] = models.Catalogue(parts.engine.models)
    app.router.add_post("/v1/messages", messages.create)
    app.router.add_post("/v1/chat/completions", chat_completions.create)
    app.router.add_post("/v1/responses", responses.create)
    app.router.add_get("/v1/responses/{id}", responses.retrieve)
    app.router.add_post("/v1/messages/count_tokens", messages.count_tokens)
    app.router.add_get("/v1/models", models.list_models)
    app.router.add_get("/v1/models/{id:.+}", models.get_model)
    _add_management(app.router)
    return app


def _add_management(router: web.UrlDispatcher) -> None:
    """What is not a turn: sessions by their clients, and the worker itself."""
    session, conversation = "/v1/sessions/{id}", "/v1/conversations/{id}"
    router.add_get("/v1/sessions", sessions.list_sessions)
    router.add_get(session, sessions.get_session)
    router.add_delete(session, sessions.delete_session)
    router.add_get(f"{session}/transcript", sessions.transcript)
    router.add_get("/v1/conversations", conversations.list_conversations)
    router.add_get(conversation, conversations.get_conversation)
    router.add_delete(conversation, conversations.delete_conversation)
    router.add_get(f"{conversation}/items", conversations.list_items)
    router.add_get(f"{conversation}/items/{{item}}", conversations.get_item)
    router.add_get("/v1/auth/status", about.auth_status)
    router.add_get("/stats", about.stats)
    router.add_get("/version", about.version)
    router.add_get("/health", about.health)
    router.add_get("/health/ready", about.ready)
    router.add_get("/health/live", about.live)
    router.add_get("/livez", about.live)
    router.add_get("/state", state.state)
    router.add_get("/metrics", state.metrics)

"""The worker's surface as one application."""

from aiohttp import web

from worker.api import chat_completions, messages, models, state
from worker.api.edge import edge
from worker.api.parts import PARTS, Parts


def make_app(parts: Parts) -> web.Application:
    """Every route behind the one edge, which guards them all."""
    app = web.Application(middlewares=[edge], client_max_size=parts.settings.limits.body)
    app[PARTS] = parts
    app.router.add_post("/v1/messages", messages.create)
    app.router.add_post("/v1/chat/completions", chat_completions.create)
    app.router.add_post("/v1/messages/count_tokens", messages.count_tokens)
    app.router.add_get("/v1/models", models.list_models)
    app.router.add_get("/v1/models/{id:.+}", models.get_model)
    app.router.add_get("/state", state.state)
    app.router.add_get("/health", state.health)
    app.router.add_get("/livez", state.health)
    app.router.add_get("/metrics", state.metrics)
    return app

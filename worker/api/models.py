"""`GET /v1/models` and `GET /v1/models/{id}`, with the fields of both dialects."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from aiohttp import web

from worker.api.answers import success
from worker.core.catalogue import meant
from worker.engines.base import Model
from worker.errors import UnknownModelError, WorkerError

_FRESH: Final = 300.0
"""Seconds for which a list is taken for true."""


class Catalogue:
    """An engine's models, asked for once in a while. An old list is better than none."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[Sequence[Model]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._asking = asyncio.Lock()
        self._models: Sequence[Model] | None = None
        self._until = 0.0

    async def models(self) -> Sequence[Model]:
        """The models; whoever comes while they are asked for waits for the same answer."""
        async with self._asking:
            if self._models is None or self._clock() >= self._until:
                self._models = await self._asked(self._models)
                self._until = self._clock() + _FRESH
            return self._models

    async def _asked(self, known: Sequence[Model] | None) -> Sequence[Model]:
        try:
            return await self._ask()
        except WorkerError:
            if known is None:
                raise
            return known


CATALOGUE: Final = web.AppKey("catalogue", Catalogue)


async def list_models(request: web.Request) -> web.Response:
    """List every model on one page."""
    models = await request.app[CATALOGUE].models()
    page = {
        "object": "list",
        "data": [_told(model) for model in models],
        "has_more": False,
        "first_id": models[0].id if models else None,
        "last_id": models[-1].id if models else None,
    }
    return success(request, page)


async def get_model(request: web.Request) -> web.Response:
    """Tell of the model that a name means."""
    known = {model.id: model for model in await request.app[CATALOGUE].models()}
    name = meant(request.match_info["id"], known)
    if name is None:
        raise UnknownModelError("there is no such model")
    return success(request, _told(known[name]))


def _told(model: Model) -> Mapping[str, object]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.display_name,
        "created_at": model.created_at,
        "lifecycle": "active",
        "object": "model",
        "created": _epoch(model.created_at),
        "owned_by": "anthropic" if "claude" in model.id else "other",
    }


def _epoch(instant: str) -> int:
    try:
        return int(datetime.fromisoformat(instant).timestamp())
    except ValueError:
        return 0

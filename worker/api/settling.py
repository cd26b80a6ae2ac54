"""What becomes of the images and documents that a request names by URL."""

from dataclasses import replace

import msgspec
from aiohttp.abc import AbstractResolver

from worker.api.fetching import fetched
from worker.api.sources import wanted_of, with_sources
from worker.config import ImageSettings
from worker.engines.base import Turn
from worker.errors import BadRequestError


class Sources:
    """Refuses URLs, or puts what they stand for in their place where settings allow that.

    `native` leaves them to an engine whose provider fetches for itself. `resolver` only gives
    addresses: what it says is checked.
    """

    def __init__(
        self, settings: ImageSettings, *, native: bool, resolver: AbstractResolver | None = None
    ) -> None:
        self._settings = settings
        self._native = native
        self._resolver = resolver

    async def settled(self, turn: Turn) -> Turn:
        """The turn with everything in it; raises `BadRequestError` where that cannot be."""
        messages = turn.request.get("messages")
        if self._native or not (wanted := wanted_of(messages)):
            return turn
        if not self._settings.allow:
            raise BadRequestError("messages: images and documents must be sent, not named by URL")
        found = await fetched(wanted, self._settings, self._resolver)
        request = {**turn.request, "messages": with_sources(messages, found)}
        return replace(turn, request=request, raw=msgspec.json.encode(request))

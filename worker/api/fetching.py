"""Images and documents by URL: fetched within rules, and nothing told of the network inside."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping, Sequence
from socket import AF_UNSPEC, AddressFamily
from typing import Final
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from worker.api.sources import Wanted
from worker.config import ImageSettings
from worker.core.fetch_rules import FetchRules, served_type
from worker.core.message import Block
from worker.errors import BadRequestError

_OK: Final = 200
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HOPS: Final = 3
_AT_ONCE: Final = 4
_HEADERS: Final = {"accept-encoding": "identity", "user-agent": "headgate-worker"}


async def fetched(
    wanted: Sequence[Wanted], settings: ImageSettings, resolver: AbstractResolver | None = None
) -> Mapping[Wanted, Block]:
    """Fetch all of them within one deadline, or raise `BadRequestError` for the first that fails.

    The session is this request's own: clients share no connection.
    """
    if len(wanted) > settings.max_files:
        raise BadRequestError(f"messages: no more than {settings.max_files} URLs are fetched")
    rules = FetchRules(
        settings.allow, settings.ports, settings.allow_http, settings.allow_private_ranges
    )
    checked = _CheckedResolver(resolver or aiohttp.ThreadedResolver(), rules)
    session = aiohttp.ClientSession(
        auto_decompress=False,
        connector=aiohttp.TCPConnector(resolver=checked, use_dns_cache=False, limit=_AT_ONCE),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        timeout=aiohttp.ClientTimeout(total=None),
    )
    try:
        async with asyncio.timeout(settings.timeout), session:
            return await _Errand(session, rules, settings).run(wanted)
    except TimeoutError as exc:
        raise BadRequestError("messages: it took too long to fetch the URLs") from exc


class _CheckedResolver(AbstractResolver):
    """Gives the very addresses that are connected to, every one of them checked."""

    def __init__(self, resolver: AbstractResolver, rules: FetchRules) -> None:
        self._resolver = resolver
        self._rules = rules

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not found or not all(self._rules.admits(result["host"]) for result in found):
            raise OSError("no address that may be connected to")
        return found

    async def close(self) -> None:
        await self._resolver.close()


class _Errand:
    """The fetches of one request, which share a budget of bytes."""

    def __init__(
        self, session: aiohttp.ClientSession, rules: FetchRules, settings: ImageSettings
    ) -> None:
        self._session = session
        self._rules = rules
        self._settings = settings
        self._left = settings.max_total_bytes

    async def run(self, wanted: Sequence[Wanted]) -> Mapping[Wanted, Block]:
        """Fetch all at once; the first failure ends the others."""
        failures: Sequence[Exception] = ()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {item: group.create_task(self._source(item)) for item in wanted}
        except* BadRequestError as failed:
            failures = failed.exceptions
        if failures:
            raise failures[0]
        return {item: task.result() for item, task in tasks.items()}

    async def _source(self, item: Wanted) -> Block:
        """What a URL stands for. A failure tells what its own text gives away, and no more."""
        self._rules.check(item.url)
        try:
            return await self._followed(item)
        except (aiohttp.ClientError, OSError, ValueError, BadRequestError) as exc:
            raise BadRequestError(f"messages: this {item.kind} cannot be fetched") from exc

    async def _followed(self, item: Wanted) -> Block:
        url = item.url
        for _ in range(_HOPS + 1):
            async with self._session.get(url, allow_redirects=False) as answer:
                if answer.status not in _REDIRECTS:
                    return await self._block(item.kind, answer)
                url = urljoin(url, answer.headers.get("location", ""))
                self._rules.check(url)
        raise ValueError("it is redirected too often")

    async def _block(self, kind: str, answer: aiohttp.ClientResponse) -> Block:
        plain = answer.headers.get("content-encoding", "identity") == "identity"
        media_type = answer.content_type
        if answer.status != _OK or not plain or not served_type(kind, media_type):
            raise ValueError("it is not what a block can hold")
        content = await self._content(answer)
        if media_type == "text/plain":
            return {"type": "text", "media_type": media_type, "data": content.decode()}
        return {"type": "base64", "media_type": media_type, "data": b64encode(content).decode()}

    async def _content(self, answer: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for part in answer.content.iter_any():
            content += part
            self._left -= len(part)
            if len(content) > self._settings.max_bytes or self._left < 0:
                raise ValueError("it is too large")
        if not content:
            raise ValueError("it is empty")
        return bytes(content)

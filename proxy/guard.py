"""Who may use the admin port: operators by token or on this machine, and never a foreign page."""

import hmac
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from proxy.auth import is_loopback_name, is_loopback_peer

OPEN: Final = frozenset({"/livez", "/readyz"})
"""What kubelets and balancers ask without a token; it tells nothing of accounts or clients."""

HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

_READING: Final = frozenset({"GET", "HEAD"})
_OURS: Final = frozenset({None, "same-origin", "none"})


def answer(content: object, status: int = 200) -> web.Response:
    """JSON for an operator."""
    body = msgspec.json.encode(content)
    return web.Response(body=body, status=status, content_type="application/json", headers=HEADERS)


def guard(token: Callable[[], str | None]) -> Middleware:
    """Refuse before anything else: a route without a guard cannot exist."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in OPEN:
            return await handler(request)
        return _stranger(request, token()) or _forged(request) or await handler(request)

    return guarded


def _stranger(request: web.Request, token: str | None) -> web.Response | None:
    if token is None:
        here = is_loopback_peer(request.remote or "") and is_loopback_name(request.host)
        return None if here else answer({"error": "only this machine is served"}, 403)
    sent = request.headers.get("authorization", "").encode()
    if hmac.compare_digest(sent, f"Bearer {token}".encode()):
        return None
    refusal = answer({"error": "the admin token is missing or wrong"}, 401)
    refusal.headers["www-authenticate"] = "Bearer"
    return refusal


def _forged(request: web.Request) -> web.Response | None:
    """Refuse what a page of another site makes a browser send: it needs no token to be harmful."""
    if request.method in _READING:
        return None
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign or request.headers.get("sec-fetch-site") not in _OURS:
        return answer({"error": "no other site is served"}, 403)
    if request.content_type != "application/json":
        return answer({"error": "the content type should be application/json"}, 415)
    return None

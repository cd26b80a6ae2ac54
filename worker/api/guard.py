"""Who may talk to a worker."""

import hmac
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Final

from aiohttp import web

from worker.errors import UnauthorizedError

OPEN: Final = frozenset({"/livez", "/health/live"})
"""The routes for those who have no token and learn nothing: whether the process runs."""


class Guard:
    """Asks for the worker token; without one it serves this machine's own programs only."""

    def __init__(self, token: str | None) -> None:
        self._digest = _digest(token) if token is not None else None

    def check(self, request: web.Request) -> None:
        """Raise `UnauthorizedError` unless the request may be served."""
        resource = request.match_info.route.resource
        if resource is not None and resource.canonical in OPEN:
            return
        if self._digest is not None:
            given = request.headers.getall("authorization", ())
            scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
            if scheme.lower() != "bearer" or not hmac.compare_digest(_digest(token), self._digest):
                raise UnauthorizedError("the worker token is missing or wrong")
        elif not _is_local(request):
            raise UnauthorizedError("without a worker token only loopback peers are served")


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


def _is_local(request: web.Request) -> bool:
    """A page in a local browser comes from loopback too, but it sends its origin."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if not isinstance(peer, tuple) or "origin" in request.headers:
        return False
    address = ip_address(str(peer[0]).partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback

"""What may be fetched on a client's behalf, and from where."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from worker.errors import BadRequestError

Network = IPv4Network | IPv6Network

_URL: Final = re.compile(
    r"(https?)://((?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*)(?::(\d{1,5}))?(?:[/?][^\x00-\x20\x7f\\]*)?",
    re.ASCII | re.IGNORECASE,
)
"""A name, never an address and never credentials: no two parsers differ on who is meant."""
_PORTS: Final = {"https": 443, "http": 80}
_TRANSLATED: Final = ip_network("64:ff9b::/96")
_INSIDE: Final = (ip_network("168.63.129.16/32"), ip_network("192.0.0.0/24"))
"""Services of clouds at addresses that look like anybody's."""
_TYPES: Final = {
    "image": frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"}),
    "document": frozenset({"application/pdf", "text/plain"}),
}


@dataclass(frozen=True, slots=True)
class FetchRules:
    """`hosts` are names, or `*.` and a name for all below it, or `*` for any.

    `private` are networks that may be reached although they are not public.
    """

    hosts: Sequence[str]
    ports: Sequence[int] = (443,)
    allow_http: bool = False
    private: Sequence[Network] = ()

    def check(self, url: str) -> None:
        """Raise `BadRequestError` unless the URL may be asked for, whatever its name stands for."""
        parts = _URL.fullmatch(url.partition("#")[0])
        if parts is None:
            raise BadRequestError("messages: a URL must have a host by name, and no credentials")
        scheme, host = parts[1].lower(), parts[2].lower()
        if scheme != "https" and not self.allow_http:
            raise BadRequestError("messages: only https URLs are fetched here")
        if not any(_is_of(host, pattern.lower()) for pattern in self.hosts):
            raise BadRequestError("messages: nothing is fetched from this host")
        if int(parts[3] or _PORTS[scheme]) not in self.ports:
            raise BadRequestError("messages: nothing is fetched from this port")

    def admits(self, address: str) -> bool:
        """Whether a connection to an address is allowed."""
        found = _meant(ip_address(address.partition("%")[0]))
        if any(found in network for network in self.private):
            return True
        inside = found.is_multicast or any(found in network for network in _INSIDE)
        return found.is_global and not inside


def served_type(kind: str, media_type: str) -> bool:
    """Whether a block of that kind (`image`, `document`) can hold such content."""
    return media_type in _TYPES[kind]


def _is_of(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return pattern in ("*", host)


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to, where it leads to one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(address.packed[-4:])
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address

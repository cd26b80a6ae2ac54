"""Where the shared store is, written as one URL, and how to come in. Pure.

`redis://host:port/db`, `unix:///path`, `redis+sentinel://h1:p,h2:p/service/db` and
`redis+cluster://h1:p,h2:p`; with `rediss` in place of `redis` over TLS.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self
from urllib.parse import SplitResult, unquote, urlsplit


class Topology(StrEnum):
    """What stands at the address."""

    SINGLE = "redis"
    SENTINEL = "redis+sentinel"
    CLUSTER = "redis+cluster"
    SOCKET = "unix"


_PORT: Final = 6379
_SENTINELS_PORT: Final = 26379
_FARTHEST: Final = 65535


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A parsed URL. `path` is a socket's file, `service` what sentinels call the master."""

    topology: Topology
    nodes: tuple[tuple[str, int], ...] = ()
    tls: bool = False
    path: str = ""
    service: str = ""
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL. Raises ValueError, which repeats nothing of it: it may hold a secret."""
        parts = _split(url)
        scheme = parts.scheme.replace("rediss", "redis")
        if scheme not in {*Topology} or parts.fragment or parts.query:
            raise ValueError("should be memory, or such as redis://host:6379")
        topology = Topology(scheme)
        login, _, hosts = parts.netloc.rpartition("@")
        username, _, password = login.partition(":")
        nodes = _nodes(topology, hosts)
        service, database = _inside(topology, parts)
        return cls(
            topology=topology,
            nodes=nodes,
            tls=parts.scheme.startswith("rediss"),
            path=unquote(parts.path) if topology is Topology.SOCKET else "",
            service=service,
            database=database,
            username=unquote(username) or None,
            password=unquote(password) or None,
        )

    def __str__(self) -> str:
        """The URL without its credentials."""
        scheme = self.topology.replace("redis", "rediss") if self.tls else self.topology
        hosts = ",".join(f"{f'[{h}]' if ':' in h else h}:{port}" for h, port in self.nodes)
        return f"{scheme}://{hosts}{self.path}{self.service and f'/{self.service}'}"


@dataclass(frozen=True, slots=True)
class Tls:
    """Files: whom to trust (None: what the system trusts), and who we are where that is asked."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """How to reach the shared store. `timeout` (seconds) holds for each step of a round trip."""

    address: StoreAddress
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = 0.25
    tls: Tls = Tls()


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError("is not a URL") from None


def _nodes(topology: Topology, hosts: str) -> tuple[tuple[str, int], ...]:
    if topology is Topology.SOCKET:
        if hosts:
            raise ValueError("a socket has a path and no host: unix:///run/redis.sock")
        return ()
    port = _SENTINELS_PORT if topology is Topology.SENTINEL else _PORT
    nodes = tuple(_node(one, port) for one in hosts.split(","))
    if topology is Topology.SINGLE and len(nodes) > 1:
        raise ValueError("several hosts need redis+sentinel:// or redis+cluster://")
    return nodes


def _node(text: str, port: int) -> tuple[str, int]:
    one = _split(f"//{text}")
    try:
        found = port if one.port is None else one.port
    except ValueError:
        found = 0
    if not one.hostname or not 0 < found <= _FARTHEST:
        raise ValueError("should have hosts such as redis-1:6379")
    return one.hostname, found


def _inside(topology: Topology, parts: SplitResult) -> tuple[str, int]:
    """The sentinels' name for the master, and the number of the database."""
    steps = [step for step in parts.path.split("/") if step]
    service = ""
    if topology is Topology.SOCKET:
        if not steps:
            raise ValueError("a socket needs a path: unix:///run/redis.sock")
        return "", 0
    if topology is Topology.SENTINEL:
        if not steps:
            raise ValueError("needs the name of the master: redis+sentinel://host/mymaster")
        service = unquote(steps.pop(0))
    if topology is Topology.CLUSTER and steps:
        raise ValueError("a cluster has no numbered databases")
    database = steps.pop(0) if steps else "0"
    if steps or not (database.isascii() and database.isdigit()):
        raise ValueError("should end with the number of a database")
    return service, int(database)

"""Clients of Redis, one for each thing that may stand at an address.

They repeat nothing by themselves: a command that was sent and not answered may have been carried
out. Every wait has an end.
"""

from typing import Final, TypedDict

from redis.asyncio import Redis, RedisCluster, Sentinel, SentinelConnectionPool
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from proxy.store.address import Link, Topology

CONNECTIONS: Final = 8
"""The most to one server: requests share their round trips."""

IDLE: Final = 10
"""A connection that was unused for so long is asked whether it still stands (seconds)."""


class _Socket(TypedDict, total=False):
    """What holds for every connection, to a sentinel too; of TLS only where it is used."""

    socket_timeout: float
    socket_connect_timeout: float
    retry: Retry
    ssl: bool
    ssl_ca_certs: str | None
    ssl_certfile: str | None
    ssl_keyfile: str | None


class _Login(TypedDict):
    """What holds for connections to the store itself."""

    username: str | None
    password: str | None
    health_check_interval: int
    max_connections: int


class _MastersPool(SentinelConnectionPool):
    """Connections to the master, which take those to the sentinels with them when they close."""

    async def aclose(self) -> None:
        await super().aclose()
        for sentinel in self.sentinel_manager.sentinels:
            await sentinel.aclose()


def connect(link: Link) -> Redis | RedisCluster:
    """Make a client. It connects when it is first used; `aclose` it in the end."""
    address, socket, login = link.address, _socket(link), _login(link)
    match address.topology:
        case Topology.SINGLE:
            ((host, port),) = address.nodes
            return Redis(host=host, port=port, db=address.database, **login, **socket)
        case Topology.SOCKET:
            return Redis(unix_socket_path=address.path, **login, **socket)
        case Topology.SENTINEL:
            sentinels = Sentinel(address.nodes, sentinel_kwargs=socket)  # type: ignore[no-untyped-call]  # theirs
            master: Redis = sentinels.master_for(
                address.service,
                connection_pool_class=_MastersPool,
                db=address.database,
                **login,
                **socket,
            )
            return master
        case Topology.CLUSTER:
            nodes = [ClusterNode(host, port) for host, port in address.nodes]
            return RedisCluster(startup_nodes=nodes, **login, **socket)


def _socket(link: Link) -> _Socket:
    socket = _Socket(
        socket_timeout=link.timeout,
        socket_connect_timeout=link.timeout,
        retry=Retry(NoBackoff(), 0),
    )
    if link.address.tls:
        socket["ssl"] = True
        socket["ssl_ca_certs"] = link.tls.ca
        socket["ssl_certfile"] = link.tls.certificate
        socket["ssl_keyfile"] = link.tls.key
    return socket


def _login(link: Link) -> _Login:
    return _Login(
        username=link.username or link.address.username,
        password=link.password or link.address.password,
        health_check_interval=IDLE,
        max_connections=CONNECTIONS,
    )

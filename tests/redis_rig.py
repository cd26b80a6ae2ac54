"""Real redis-servers of the tests' own: alone, with sentinels, or as a cluster."""

import asyncio
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(true: Callable[[], object], seconds: float = 20) -> None:
    """Ask until something is so. (Other processes tell nobody when they have come so far.)"""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)


class RedisServer:
    """A redis-server that keeps nothing, on a unix socket and a port of this machine.

    `options` are words of its command line. Whatever is done to it, `start` brings it back, empty.
    """

    def __init__(self, folder: Path, *options: str, tls: bool = False) -> None:
        self.socket = folder / "socket"
        self.port = free_port()
        self.bus = 0
        self._tls = tls
        self._folder = folder
        self._options = options
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except AssertionError:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def tcp(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Run, and come back once it answers."""
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.skip("redis-server is not installed")
        ports = ["--port", "0", "--tls-port"] if self._tls else ["--port"]
        argv = [binary, *ports, str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        argv += ["--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
        argv += ["--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes"]
        self.process = subprocess.Popen([*argv, *self._options], stdout=subprocess.DEVNULL)
        self.answers()

    def answers(self) -> None:
        """Wait until it answers."""
        until(self._answers)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "it did not start"
        try:
            return bool(self.call("PING"))
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False

    def kill(self) -> None:
        """As if its machine had lost its power."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        """It keeps its connections and answers no more."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def call(self, *command: object) -> object:
        """One command of an operator."""
        with self.client() as client:
            return client.execute_command(*command)

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), decode_responses=True)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


@dataclass(frozen=True)
class Certificate:
    """Files of a certificate for localhost that vouches for itself."""

    certificate: str
    key: str


def certificate(folder: Path) -> Certificate:
    """Make one, good for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    now, hour = datetime.now(UTC), timedelta(hours=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = (
        builder.not_valid_before(now - hour)
        .not_valid_after(now + hour)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    files = Certificate(str(folder / "certificate.pem"), str(folder / "key.pem"))
    Path(files.certificate).write_bytes(made.public_bytes(Encoding.PEM))
    Path(files.key).write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return files


@contextmanager
def redis_server(*options: str, tls: bool = False) -> Iterator[RedisServer]:
    """Run a redis-server; skip the test where none is installed."""
    with (
        tempfile.TemporaryDirectory(prefix="headgate-redis-") as folder,
        RedisServer(Path(folder), *options, tls=tls) as server,
    ):
        yield server


class Wire:
    """A way to a server that may be slow (seconds, each way) or lose what comes back."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self.delay = 0.0
        self.loses = False
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._server.port)
        with suppress(ConnectionError):
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, back, lost=False))
                both.create_task(self._carry(there, writer, lost=True))

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, lost: bool
    ) -> None:
        while piece := await reader.read(65536):
            await asyncio.sleep(self.delay)
            if not (lost and self.loses):
                writer.write(piece)
        writer.close()


class Sentinels:
    """A master, its replica, and sentinels that agree by majority within a second."""

    NAME = "headgate"

    def __init__(self, servers: Sequence[RedisServer], sentinels: Sequence[RedisServer]) -> None:
        self.servers = servers
        self.sentinels = sentinels

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{hosts}/{self.NAME}"

    @property
    def master(self) -> RedisServer:
        """The server that the sentinels would name."""
        _, port = self.sentinels[0].call("SENTINEL", "get-master-addr-by-name", self.NAME)
        return next(one for one in self.servers if one.port == int(port))

    def fail_over(self) -> None:
        """Let them make the replica the master, in order."""
        old = self.master
        until(self._agreed)
        until(lambda: self.master is not old)

    def _agreed(self) -> bool:
        """A replica that was heard of a moment ago only is not yet good enough for them."""
        try:
            return bool(self.sentinels[0].call("SENTINEL", "failover", self.NAME))
        except redis.ResponseError:
            return False


@contextmanager
def sentinels(count: int = 1) -> Iterator[Sentinels]:
    """Run a master, a replica and sentinels."""
    with ExitStack() as stack:
        master = stack.enter_context(redis_server())
        replica = stack.enter_context(redis_server("--replicaof", "127.0.0.1", str(master.port)))
        until(lambda: replica.call("INFO", "replication").get("master_link_status") == "up")
        watching = [stack.enter_context(_sentinel(master)) for _ in range(count)]
        until(lambda: all(_knows(one, count) for one in watching))
        yield Sentinels((master, replica), watching)


@contextmanager
def _sentinel(master: RedisServer) -> Iterator[RedisServer]:
    name = Sentinels.NAME
    with tempfile.TemporaryDirectory(prefix="headgate-sentinel-") as folder:
        file = Path(folder) / "sentinel.conf"
        file.write_text(
            f"sentinel monitor {name} 127.0.0.1 {master.port} 1\n"
            f"sentinel down-after-milliseconds {name} 300\n"
            f"sentinel failover-timeout {name} 3000\n"
        )
        with _Sentinel(Path(folder), str(file)) as server:
            yield server


class _Sentinel(RedisServer):
    """A redis-server that watches others."""

    def start(self) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.skip("redis-server is not installed")
        argv = [binary, *self._options, "--sentinel", "--port", str(self.port)]
        argv += ["--unixsocket", str(self.socket), "--dir", str(self._folder)]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        self.answers()


def _knows(sentinel: RedisServer, count: int) -> bool:
    with sentinel.client() as client:
        state = client.sentinel_masters()[Sentinels.NAME]
    return state["num-slaves"] == 1 and state["num-other-sentinels"] == count - 1


class Cluster:
    """Masters that share the slots; with replicas, the first has one that may take its place."""

    def __init__(self, masters: Sequence[RedisServer], replicas: Sequence[RedisServer]) -> None:
        self.masters = masters
        self.replicas = replicas

    @property
    def nodes(self) -> Sequence[RedisServer]:
        return (*self.masters, *self.replicas)

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{one.port}" for one in self.nodes)

    def serving(self, key: str) -> RedisServer:
        """The master of a key's slot, as the nodes that run see it."""
        alive = next(one for one in self.nodes if one.process is not None)
        slot = alive.call("CLUSTER", "KEYSLOT", key)
        with alive.client() as client:
            shards = client.execute_command("CLUSTER", "SLOTS")
        found = next(s for s in shards if s[0] <= slot <= s[1])
        return next(one for one in self.nodes if one.port == found[2][1])

    def fail_over(self, key: str) -> None:
        """Kill the master of a key's slot and wait until its replica serves."""
        old = self.serving(key)
        old.kill()
        until(lambda: self.serving(key) is not old)
        until(self.ready)

    def ready(self) -> bool:
        return all(_sees_all(one) for one in self.nodes if one.process is not None)


def _sees_all(node: RedisServer) -> bool:
    return node.call("CLUSTER INFO")["cluster_state"] == "ok"


@contextmanager
def cluster(*, replicas: bool = False) -> Iterator[Cluster]:
    """Run three masters, with a replica each if wanted."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(_member()) for _ in range(6 if replicas else 3)]
        members = Cluster(nodes[:3], nodes[3:])
        for one, (first, last) in zip(members.masters, _SLOTS, strict=True):
            one.call("CLUSTER", "ADDSLOTSRANGE", first, last)
        for one in nodes[1:]:
            one.call("CLUSTER", "MEET", "127.0.0.1", nodes[0].port, nodes[0].bus)
        until(lambda: all(_known(one) == len(nodes) for one in nodes))
        for one, master in zip(members.replicas, members.masters, strict=False):
            one.call("CLUSTER", "REPLICATE", master.call("CLUSTER", "MYID"))
        until(members.ready)
        for one in members.replicas:
            until(lambda one=one: _linked(one))
        yield members


_SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))


@contextmanager
def _member() -> Iterator[RedisServer]:
    options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "500"]
    with redis_server(*options, "--cluster-port", str(bus := free_port())) as server:
        server.bus = bus
        yield server


def _known(node: RedisServer) -> int:
    return int(node.call("CLUSTER INFO")["cluster_known_nodes"])


def _linked(replica: RedisServer) -> bool:
    """Whether a replica has its master's data."""
    return replica.call("INFO", "replication").get("master_link_status") == "up"

"""Real redis-servers of the tests' own, each in a private folder and on a unix socket."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis


@dataclass(frozen=True)
class RedisServer:
    """A running redis-server."""

    socket: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Run a redis-server that keeps nothing; skip the test where none is installed."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="headgate-redis-") as folder:
        socket = Path(folder) / "socket"
        argv = [binary, "--port", "0", "--unixsocket", str(socket), "--dir", folder]
        argv += ["--save", "", "--appendonly", "no", "--daemonize", "no", *options]
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        try:
            wait_for(socket)
            yield RedisServer(socket, process)
        finally:
            process.kill()
            process.wait()


def wait_for(socket: Path) -> None:
    """Wait until the server answers."""
    retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.02), 250)
    missing = [FileNotFoundError, redis.ConnectionError]
    with redis.Redis(unix_socket_path=str(socket), retry=retry, retry_on_error=missing) as client:
        client.ping()

"""What is measured: a backend that answers at once, and in front of it nginx or headgate."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

KEY = "bench-key-0123456789abcdef"
BACKEND, NGINX, HEADGATE = 19210, 19211, 19212
PROXY_CORE, LOAD_CORE = 0, 1
ANSWER = '{"type":"message","usage":{"input_tokens":3,"output_tokens":4},"pad":"%s"}' % ("x" * 520)

_COMMON = """worker_processes 1; daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.log;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 10000000; client_body_temp_path {folder}/{name}.body;
client_max_body_size 8m; client_body_buffer_size 4m; {server} }}
"""
_BACKEND = (
    "server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; "
    "return 200 '{answer}'; }} }}"
)
_PROXY = (
    "upstream u {{ server 127.0.0.1:{backend}; keepalive 128; keepalive_requests 10000000; }} "
    "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://u; "
    'proxy_http_version 1.1; proxy_set_header Connection ""; }} }}'
)


@dataclass(frozen=True, slots=True)
class Peer:
    """A proxy that runs: its port, and the processes whose CPU time counts."""

    name: str
    port: int
    processes: tuple[psutil.Process, ...]

    def cpu(self) -> float:
        """Seconds of CPU used so far, user and system."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes)


@contextlib.contextmanager
def field(folder: Path) -> Iterator[list[Peer]]:
    """Run the backend and every peer; each proxy alone on its core, all else on the other."""
    with contextlib.ExitStack() as stack:
        start = stack.enter_context
        backend = _BACKEND.format(port=BACKEND, answer=ANSWER)
        start(_running(_nginx(folder, "backend", backend), LOAD_CORE))
        proxy = _PROXY.format(port=NGINX, backend=BACKEND)
        nginx = start(_running(_nginx(folder, "nginx", proxy), PROXY_CORE))
        headgate = start(_running(_headgate(folder), PROXY_CORE))
        for port in (BACKEND, NGINX, HEADGATE):
            _await(port)
        yield [
            Peer("nginx", NGINX, (nginx, *nginx.children())),
            Peer("headgate", HEADGATE, (headgate,)),
        ]


def _nginx(folder: Path, name: str, server: str) -> list[str]:
    config = folder / f"{name}.conf"
    config.write_text(_COMMON.format(folder=folder, name=name, server=server))
    return ["nginx", "-c", str(config)]


def _headgate(folder: Path) -> list[str]:
    """Every feature on: keys, session affinity, four accounts, metrics, access log."""
    url = f"http://127.0.0.1:{BACKEND}"
    accounts = [
        {"name": name, "url": url, "headers": {"x-api-key": f"key-of-{name}"}, "concurrency": 100}
        for name in ("ann", "bob", "cid", "dan")
    ]
    settings = {
        "listen": f"127.0.0.1:{HEADGATE}",
        "admin": {"listen": "127.0.0.1:0"},
        "clients": [{"name": "bench", "key": KEY}],
        "accounts": accounts,
    }
    config = folder / "headgate.yaml"
    config.write_text(yaml.safe_dump(settings))
    return [sys.executable, "-m", "proxy", "serve", "--config", str(config)]


def _await(port: int) -> None:
    """Wait until something listens. Raises OSError after ten seconds."""
    for patience in reversed(range(200)):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if not patience:
                raise
            time.sleep(0.05)
        else:
            return


@contextlib.contextmanager
def _running(argv: list[str], core: int) -> Iterator[psutil.Process]:
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            found = psutil.Process(process.pid)
            found.cpu_affinity([core])
            yield found
        finally:
            process.send_signal(2)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

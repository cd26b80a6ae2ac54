"""Who is asking: a client's key, looked up by its digest and compared in constant time."""

import hmac
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from proxy.config import Client
from proxy.errors import ClientLimitError, UnauthorizedError

LOCAL: Final = Client("local", b"")
"""Everyone on this machine, where no clients are configured."""


@dataclass(slots=True)
class Brake:
    """Slows down guessing: a source may send `burst` unknown keys, then one each `pause` seconds.

    It never stands in the way of a good key. Sources are forgotten, the oldest first.
    """

    burst: int = 20
    pause: float = 3.0
    remembered: int = 10_000
    _due: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def press(self, source: str, now: float) -> float | None:
        """Count an unknown key. Returns the seconds to wait if there were too many."""
        due = max(self._due.pop(source, now), now) + self.pause
        wait = due - now - self.burst * self.pause
        self._due[source] = due if wait <= 0 else due - self.pause
        if len(self._due) > self.remembered:
            self._due.popitem(last=False)
        return wait if wait > 0 else None


class Authenticator:
    """Knows the clients by their keys; without any it serves this machine alone."""

    def __init__(
        self,
        clients: Sequence[Client],
        brake: Brake | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.replace(clients)
        self._brake = brake or Brake()
        self._clock = clock

    def replace(self, clients: Sequence[Client]) -> None:
        """Know these clients from now on; requests that are under way go on."""
        self._clients = {client.digest: client for client in clients}

    def client_of(self, headers: Sequence[tuple[bytes, bytes]], peer: str) -> Client:
        """Tell who sent a request with these headers (lower-case names) from `peer` (an address).

        Raises UnauthorizedError, or ClientLimitError to a source that tries one key after another.
        """
        credentials = [(n, v) for n, v in headers if n == b"x-api-key" or n == b"authorization"]  # noqa: PLR1714 (half the cost of a set)
        if len(credentials) > 1:
            raise UnauthorizedError("Send one credential: x-api-key or authorization, and once.")
        if not self._clients:
            return _local(headers, peer)
        if not credentials:
            raise UnauthorizedError("A key is missing: send it as x-api-key or as a bearer token.")
        return self._known(_key(*credentials[0]), peer)

    def _known(self, key: bytes, peer: str) -> Client:
        digest = sha256(key).digest()
        client = self._clients.get(digest)
        if client is None or not hmac.compare_digest(client.digest, digest):
            raise self._unknown(peer)
        if client.revoked:
            raise UnauthorizedError("This key has been revoked.", should_retry=False)
        return client

    def _unknown(self, peer: str) -> UnauthorizedError | ClientLimitError:
        wait = self._brake.press(peer, self._clock())
        if wait is None:
            return UnauthorizedError("This key is not known here.", should_retry=False)
        return ClientLimitError("Too many unknown keys.", retry_after=wait, close=True)


def _key(name: bytes, value: bytes) -> bytes:
    if name == b"x-api-key":
        return value
    scheme, _, key = value.partition(b" ")
    if scheme.lower() != b"bearer":
        raise UnauthorizedError("The authorization header should hold a bearer token.")
    return key.strip()


def _local(headers: Sequence[tuple[bytes, bytes]], peer: str) -> Client:
    if not is_loopback_peer(peer):
        raise UnauthorizedError("Without client keys only this machine is served.")
    sent = dict(headers)
    host, origin = sent.get(b"host", b""), sent.get(b"origin", b"http://localhost")
    names = (host, origin.partition(b"://")[2])
    if not all(is_loopback_name(name.decode("latin-1")) for name in names):
        raise UnauthorizedError("Without client keys no foreign web page is served.")
    return LOCAL


def is_loopback_peer(peer: str) -> bool:
    """Whether an address of a connection's other end is on this machine."""
    return peer.startswith(("127.", "::1", "::ffff:127."))


def is_loopback_name(host: str) -> bool:
    """Whether a `Host` header names this machine. Any other name was made to lead here."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name.lower() in {"localhost", "127.0.0.1", "[::1]"}

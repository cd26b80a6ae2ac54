"""Which headers pass, by allow-list both ways.

Credentials, cookies, hop-by-hop and `Connection`-nominated headers, forwarding notes and all of
`x-headgate-*` but a client's wishes stay outside because nothing lets them in. Three are left out
on purpose: `accept-encoding` (an answer must stay readable to be checked), `idempotency-key` (two
clients that share an account could be given each other's answers) and the clients' session ids (the
worker gets the hashed key). `user-agent` passes as sent: nobody hides who is calling.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

Headers = Sequence[tuple[bytes, bytes]]

TO_WORKER: Final = frozenset(
    {
        b"accept",
        b"anthropic-beta",
        b"anthropic-dangerous-direct-browser-access",
        b"anthropic-version",
        b"content-type",
        b"openai-beta",
        b"user-agent",
        b"x-app",
    }
)
TO_WORKER_PREFIX: Final = b"x-stainless-"
WISHES: Final = frozenset({b"x-headgate-steps", b"x-headgate-strict"})
"""What a client may ask of a worker of ours; no other upstream is told."""
_TO_OWN: Final = TO_WORKER | WISHES

TO_CLIENT: Final = frozenset(
    {
        b"cache-control",
        b"content-encoding",
        b"content-language",
        b"content-type",
        b"openai-processing-ms",
        b"openai-version",
        b"x-headgate-estimate",
        b"x-headgate-ignored",
    }
)


class Stamp(msgspec.Struct, frozen=True):
    """What the proxy itself tells an upstream.

    `account` are the account's own headers (its credential among them). A `plain` upstream is no
    worker of ours: it is told neither session nor client.
    """

    account: Headers
    request_id: bytes
    client: bytes
    session: bytes | None = None
    plain: bool = False


def to_worker(headers: Headers, stamp: Stamp) -> list[tuple[bytes, bytes]]:
    """The headers for an upstream. What an account's configuration sets replaces the client's."""
    barred = connection_options(headers) | {name for name, _ in stamp.account}
    known = TO_WORKER if stamp.plain else _TO_OWN
    passed = [
        header
        for header in headers
        if (header[0] in known or header[0].startswith(TO_WORKER_PREFIX))
        and header[0] not in barred
    ]
    passed += stamp.account
    passed.append((b"x-request-id", stamp.request_id))
    if not stamp.plain:
        passed.append((b"x-headgate-client", stamp.client))
        if stamp.session is not None:
            passed.append((b"x-headgate-session", stamp.session))
    return passed


def to_client(headers: Headers) -> list[tuple[bytes, bytes]]:
    """What of an answer's headers is the client's business. Limits are the account's own."""
    barred = connection_options(headers)
    return [header for header in headers if header[0] in TO_CLIENT and header[0] not in barred]


def connection_options(headers: Headers) -> frozenset[bytes]:
    """The names that `Connection` gives, in lower case: they end at this hop."""
    options = NONE
    for name, value in headers:
        if name == b"connection" and value not in HARMLESS:
            options |= {option.strip().lower() for option in value.split(b",")}
    return options


NONE: Final[frozenset[bytes]] = frozenset()

HARMLESS: Final = frozenset({b"keep-alive", b"close"})
"""What nearly every `Connection` says: no header of that name would pass anyway."""

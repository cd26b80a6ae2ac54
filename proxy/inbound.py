"""Reads a client's request: its body, what in it decides the way, and what the client wishes."""

from typing import Final

import msgspec

from proxy.config import Client, Priority
from proxy.core.models import model_family
from proxy.core.session import NAMING_HEADERS, Peek, agent_key, peek, session_key
from proxy.edge import Trip
from proxy.errors import BadRequestError, UnsupportedCodingError
from proxy.http1.exchange import Exchange
from proxy.http1.framing import RequestHead
from proxy.pool import Call

SMALL_CONTEXT: Final = 16_384
"""A body of fewer bytes has little in its account's cache: it need not wait for it."""


class Inbound(msgspec.Struct, frozen=True):
    """A request that has come in whole. `call` is what it asks of the pool."""

    exchange: Exchange
    trip: Trip
    call: Call
    model: str | None
    body: bytes


async def read_inbound(exchange: Exchange, trip: Trip, client: Client) -> Inbound:
    """Take the whole request in. Raises what is wrong with it."""
    head = exchange.head
    if head.get(b"content-encoding") not in {None, b"identity"}:
        raise UnsupportedCodingError("Send the body without a content coding.", close=True)
    body = await exchange.read_body()
    trip.body_bytes = len(body)
    seen = peek(body) if head.method == "POST" else Peek()
    family = model_family(seen.model)
    trip.family, trip.stream = family, bool(seen.stream)
    naming = _naming(head)
    session = session_key(client.name, naming, seen) if trip.route.generative else None
    agent = agent_key(client.name, session, naming) if session else None
    call = Call(
        request_id=trip.id,
        client=client.name,
        session=agent or session,
        parent=session if agent else None,
        family=family,
        size=len(body),
        batch=_priority(head, client) is Priority.BATCH,
        max_wait=_max_wait(head),
        patient=len(body) >= SMALL_CONTEXT,
    )
    return Inbound(exchange, trip, call, seen.model, body)


def _naming(head: RequestHead) -> dict[str, str]:
    """The headers that may name a session, as text."""
    return {
        name.decode("ascii"): value.decode("latin-1")
        for name, value in head.headers
        if name in NAMING_HEADERS
    }


def _priority(head: RequestHead, client: Client) -> Priority:
    """A request may lower its client's priority and never raise it."""
    wish = head.get(b"x-headgate-priority")
    if wish not in {None, b"interactive", b"batch"}:
        raise BadRequestError("x-headgate-priority takes interactive or batch.")
    return Priority.BATCH if wish == b"batch" else client.priority


def _max_wait(head: RequestHead) -> float | None:
    """Seconds the client would wait for a turn; None leaves it to the configuration."""
    wish = head.get(b"x-headgate-max-wait")
    if wish is None:
        return None
    if not wish.isdigit() or len(wish) > len("86400"):
        raise BadRequestError("x-headgate-max-wait takes whole seconds; 0 does not wait.")
    return float(wish)

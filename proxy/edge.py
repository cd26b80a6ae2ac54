"""The one place where a request gets its id, its access line, its metrics and its errors."""

import asyncio
import itertools
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Final

import msgspec
import structlog

from proxy.access_log import AccessLine, AccessLog
from proxy.core.dialect import error_body
from proxy.core.instants import rfc_3339
from proxy.core.routes import Route, route_of
from proxy.core.usage import Usage
from proxy.errors import LONG, NoWorkerError, ProxyError
from proxy.http1.framing import Headers
from proxy.http1.server import Exchange, Rejection
from proxy.metrics import Ending, Metrics

log = structlog.get_logger(__name__)

JSON: Final = (b"content-type", b"application/json")

CLIENT_GONE: Final = 499
"""The status of a request whose client left before it was answered, in the line and the count."""

KINDS: Final = {404: "not_found_error", 408: "timeout_error", 413: "request_too_large"}
"""Error types of refusals that http1 makes by itself; the others are invalid requests."""


_HERE: Final = {
    "hello": b"{}",
    "version": msgspec.json.encode({"name": "headgate", "version": version("headgate")}),
}
"""What the proxy says of itself, by route."""


class Trip(msgspec.Struct):
    """What is learned of one request on its way: its access line and metrics in the making.

    `first_byte` is in seconds after the request's own first byte. `limits` are the headers that
    tell what is left of the client's own limits.
    """

    id: str
    route: Route
    client: str = "-"
    family: str = "-"
    account: str = "-"
    stream: bool = False
    body_bytes: int = 0
    verdicts: list[str] = []
    outcome: str = "ok"
    first_byte: float | None = None
    usage: Usage = Usage()
    limits: Headers = ()


class Edge:
    """Wraps the gateway: whatever happens inside, the client is told and the line is written."""

    def __init__(
        self,
        handle: Callable[[Exchange, Trip], Awaitable[None]],
        metrics: Metrics,
        access_log: AccessLog,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._handle = handle
        self._metrics = metrics
        self._access_log = access_log
        self._clock = clock
        prefix = secrets.token_hex(6)
        self._ids = (f"req_{prefix}{n:08x}" for n in itertools.count())

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one request; raises nothing but CancelledError."""
        trip = Trip(next(self._ids), route_of(exchange.head.path))
        with self._metrics.in_flight():
            try:
                await self._handle(exchange, trip)
            except ProxyError as error:
                self._fail(exchange, trip, error)
            except asyncio.CancelledError:
                self._abandon(exchange, trip)
                raise
            except Exception as error:
                log.exception("request crashed", id=trip.id, error=type(error).__name__)
                self._fail(exchange, trip, ProxyError("Something broke inside headgate."))
            finally:
                self._record(exchange, trip)

    def reject(self, rejection: Rejection) -> tuple[Headers, bytes]:
        """Word a refusal for a request's shape alone; it gets a line and a count as well."""
        path = rejection.target.partition(b"?")[0]
        kind = KINDS.get(rejection.status, "invalid_request_error")
        trip = Trip(next(self._ids), route_of(path), outcome="malformed")
        line = AccessLine(at=self._clock(), id=trip.id, route=trip.route.name, outcome=trip.outcome)
        line.status = rejection.status
        self._write(trip, line)
        body = error_body(trip.route.dialect, kind, rejection.message, trip.id)
        return ours(trip), body

    def _abandon(self, exchange: Exchange, trip: Trip) -> None:
        """The task was cancelled: the client has left, or else we are about to stop."""
        if exchange.gone:
            trip.outcome = "client_gone"
            self._metrics.client_left(_phase(exchange, trip))
        else:
            self._fail(exchange, trip, NoWorkerError("The proxy is stopping.", retry_after=1))

    def _fail(self, exchange: Exchange, trip: Trip, error: ProxyError) -> None:
        """Tell the client in its endpoint's dialect, or cut what has begun."""
        trip.outcome = error.outcome
        if exchange.started:
            exchange.cut()
            return
        message = _worded(error, self._clock())
        body = error_body(trip.route.dialect, error.kind, message, trip.id)
        exchange.respond(error.status, [*ours(trip), *_advice(error)], body)

    def _record(self, exchange: Exchange, trip: Trip) -> None:
        line = AccessLine(
            at=round(self._clock(), 3),
            id=trip.id,
            client=trip.client,
            route=trip.route.name,
            method=exchange.head.method,
            status=exchange.status or CLIENT_GONE,
            outcome=trip.outcome,
            account=trip.account,
            model=trip.family,
            stream=trip.stream,
            verdicts=tuple(trip.verdicts),
            seconds=round(exchange.elapsed(), 6),
            first_byte=None if trip.first_byte is None else round(trip.first_byte, 6),
            request_bytes=trip.body_bytes,
            answer_bytes=exchange.bytes_out,
            input_tokens=trip.usage.input,
            output_tokens=trip.usage.output,
        )
        self._write(trip, line)

    def _write(self, trip: Trip, line: AccessLine) -> None:
        self._access_log.write(line)
        self._metrics.request_ended(
            Ending(
                line.route,
                trip.route.dialect,
                line.client,
                line.status,
                line.outcome,
                line.seconds,
                line.first_byte,
            )
        )


def _phase(exchange: Exchange, trip: Trip) -> str:
    """Where a request was when its client left."""
    if exchange.started:
        return "answer"
    return "waiting" if trip.account == "-" else "worker"


def ours(trip: Trip) -> list[tuple[bytes, bytes]]:
    """The headers of every answer: the request's id, under both SDKs' names, and the limits."""
    name = trip.id.encode()
    return [(b"request-id", name), (b"x-request-id", name), *trip.limits]


def answer_here(exchange: Exchange, trip: Trip) -> None:
    """Answer what needs no account: a greeting, or the question what a path takes."""
    if exchange.head.method == "OPTIONS":
        allowed = ", ".join((*trip.route.methods, "OPTIONS")).encode()
        exchange.respond(204, [*ours(trip), (b"allow", allowed)], b"")
    else:
        exchange.respond(200, [*ours(trip), JSON], _HERE[trip.route.name])


def _worded(error: ProxyError, now: float) -> str:
    """The message, with the instant at which a long wait ends."""
    if error.retry_after is None or error.retry_after <= LONG:
        return error.message
    return f"{error.message} Try again at {rfc_3339(now + error.retry_after)}."


def _advice(error: ProxyError) -> list[tuple[bytes, bytes]]:
    """What to do next, in headers: when to come again, and whether an SDK should do it itself."""
    advice = [JSON]
    if error.retry_after is not None:
        wait = max(0.0, error.retry_after)
        advice.append((b"retry-after", b"%d" % math.ceil(wait)))
        advice.append((b"retry-after-ms", b"%d" % math.ceil(wait * 1000)))
    if error.should_retry is not None:
        advice.append((b"x-should-retry", b"true" if error.should_retry else b"false"))
    return advice

"""The limits and deadlines of the data plane. Sizes are bytes, durations seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """`held` bounds what is kept of a body nobody asked for yet, and of pipelined requests."""

    head: int = 65_536
    target: int = 16_384
    body: int = 33_554_432
    held: int = 65_536


@dataclass(frozen=True, slots=True)
class HttpTimeouts:
    """How long a client may take.

    `header` counts from a head's first byte (or the accept), `body_idle` from the last byte of a
    body that is waited for, `body` from its first; `keep_alive` is the rest between requests,
    `stall` is how long it may take no byte of its answer, `linger` the time it has to hang up.
    """

    header: float = 10.0
    body_idle: float = 30.0
    body: float = 600.0
    keep_alive: float = 75.0
    stall: float = 180.0
    linger: float = 2.0


@dataclass(frozen=True, slots=True)
class UpstreamTimeouts:
    """How long a worker may take.

    `send` is the time without a byte taken, `first_byte` runs from the request's last byte to the
    end of the answer's head, `stream_idle` is the time between two pieces of its body.
    """

    connect: float = 5.0
    send: float = 30.0
    first_byte: float = 300.0
    stream_idle: float = 180.0

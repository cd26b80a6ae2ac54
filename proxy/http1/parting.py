"""The end of a client's connection: what was said is sent, and the client has time to read it.

A socket closed with bytes unread is reset, and the reset can overtake the answer. So the answer is
followed by our end of file, and what still comes is read and dropped until the client hangs up.
"""

import asyncio
import socket
import struct
from typing import Final

from proxy.http1.deadlines import Outflow
from proxy.http1.service import Service

MOST_DROPPED: Final = 1_048_576
"""What is read and dropped; a client that sends more has to wait for its reset."""

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Parting(asyncio.Protocol):
    """Takes a client's socket over. It is dropped once nothing moves for `patience` seconds."""

    busy = False

    def __init__(self, service: Service, transport: asyncio.Transport, patience: float) -> None:
        self._service = service
        self._transport = transport
        self._patience = patience
        self._outflow = Outflow(transport)
        self._dropped = 0
        self.deadline = asyncio.get_running_loop().time() + service.timeouts.linger
        service.opened(self)
        service.sweep.watch(self)
        transport.set_protocol(self)

    def say_goodbye(self) -> None:
        """Send our end of file after what was written."""
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def reset(self) -> None:
        """Reset after what was written: for an answer that an end of file would seem to end."""
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._dropped += len(data)
        if self._dropped > MOST_DROPPED:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._service.sweep.forget(self)
        self._service.closed(self)

    def overdue(self, now: float) -> None:
        """Wait on while bytes move; once they are sent, for as long as it takes to read them."""
        stuck = self._outflow.stuck(now)
        if stuck is None and self._patience:
            self._patience = 0.0
        elif stuck is None or stuck >= self._patience:
            self.abort()
            return
        self.deadline = now + self._service.timeouts.linger

    def retire(self) -> None:
        """It is leaving already."""

    def end(self) -> None:
        """It is leaving already."""

    def abort(self) -> None:
        self._transport.abort()

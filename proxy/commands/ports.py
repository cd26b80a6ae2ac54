"""Ports of this machine: a free one, and whether one answers."""

import asyncio
import os
import socket
from contextlib import suppress

from proxy.config import Address


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def settled(address: Address) -> Address:
    """The same address with a port that is known. Raises OSError, with the address, if taken."""
    if address.port == 0:
        return Address(address.host, free_port())
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        socket.create_server((address.host, address.port), family=family).close()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno, f"cannot listen on {address}: {reason}") from None
    return address


async def answers(address: Address, patience: float) -> bool:
    """Wait until something accepts connections there; False if nothing does in so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection(address.host, address.port)
                    writer.close()
                    return True
                await asyncio.sleep(0.05)
    return False

import asyncio
import socket

import pytest

from proxy.commands.ports import answers, free_port, settled
from proxy.config import Address


def local(port):
    return Address("127.0.0.1", port)


def test_a_free_port_can_be_listened_on():
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert server.getsockname()[1]


def test_an_address_is_settled_as_it_stands_or_on_a_free_port():
    port = free_port()

    assert settled(local(port)) == local(port)
    assert settled(local(0)).port != 0
    assert settled(local(0)).host == "127.0.0.1"


def test_a_taken_address_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: Address already"):
            settled(local(port))


async def test_it_waits_until_somebody_listens():
    port = free_port()
    waiting = asyncio.gather(answers(local(port), 20))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)

    assert await waiting == [True]
    server.close()


async def test_it_gives_up():
    assert not await answers(local(free_port()), 0.01)

"""Raw sockets on either side of the data plane, and waiting with a deadline."""

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, suppress

from proxy.http1.server import HttpLimits, HttpTimeouts, Server
from proxy.http1.upstream import Origin, Upstreams, UpstreamTimeouts

PATIENCE = 5.0


async def pause(seconds):
    """Let a peer be slow on purpose."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    timer = loop.call_later(seconds, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()


async def eventually(condition):
    """Wait until `condition()` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await pause(0.002)


def reject(rejection):
    return [(b"x-target", rejection.target)], rejection.message.encode()


@asynccontextmanager
async def serving(handler, *, limits=None, **timeouts):
    """A server on a port of its own; its end must leave nothing behind."""
    server = Server(handler, reject, limits or HttpLimits(), HttpTimeouts(**timeouts))
    await server.start("127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.close()
        assert server.connections == 0
        assert server.in_flight == 0


class Peer:
    """A client that says exactly what it is told to."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.sock = writer.get_extra_info("socket")

    async def send(self, data, *, step=None):
        """Send all at once, or in segments of `step` bytes."""
        for at in range(0, len(data), step or len(data)):
            self.writer.write(data[at : at + (step or len(data))])
            await self.writer.drain()

    async def line_end(self, end=b"\r\n\r\n"):
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(end)

    async def exactly(self, count):
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(count)

    async def rest(self):
        """Everything until the other side ends."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def ask(self, data, *, step=None):
        await self.send(data, step=step)
        return await self.rest()

    def reset(self):
        """Leave with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@asynccontextmanager
async def connected(port, **options):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def worker(script):
    """A worker whose every connection is served by `script(peer)`; yields its origin."""
    async with asyncio.TaskGroup() as tasks:
        peers = []

        async def play(peer):
            try:
                await script(peer)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                peer.writer.close()

        def accept(reader, writer):
            peer = Peer(reader, writer)
            peers.append((peer, tasks.create_task(play(peer))))

        listener = await asyncio.start_server(accept, "127.0.0.1", 0)
        try:
            yield Origin.parse(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
        finally:
            listener.close()
            for peer, task in peers:
                task.cancel()
                peer.writer.transport.abort()


@asynccontextmanager
async def upstreams(*, idle_ttl=30.0, max_idle=256, **timeouts):
    ups = Upstreams(UpstreamTimeouts(**timeouts), idle_ttl=idle_ttl, max_idle=max_idle)
    try:
        yield ups
    finally:
        await ups.close()
        assert ups.connections == 0
        assert ups.idle == 0


class Collected:
    """A sink that remembers."""

    def __init__(self):
        self.payload = b""
        self.endings = []
        self.over = asyncio.Event()

    def feed(self, payload):
        assert payload
        assert not self.endings
        self.payload += payload

    def ended(self, error):
        self.endings.append(error)
        self.over.set()

    async def end(self):
        async with asyncio.timeout(PATIENCE):
            await self.over.wait()
        return self.endings[0]


class Watched:
    """A handler that runs a script and tells how it ended."""

    def __init__(self, script):
        self.script = script
        self.started = asyncio.Event()
        self.ended = asyncio.Event()
        self.cancelled = False
        self.exchange = None

    async def __call__(self, exchange):
        self.exchange = exchange
        self.started.set()
        try:
            await self.script(exchange)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.ended.set()

    async def wait(self):
        async with asyncio.timeout(1):
            await self.ended.wait()

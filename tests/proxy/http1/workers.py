"""What scripted workers hear and say."""

from tests.proxy.http1.rig import pause

REQUEST = b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n"
EMPTY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def hear(peer):
    """Take one request of the usual form."""
    return await peer.line_end(b"\r\n\r\nhi")


def saying(*pieces, hang_up=False):
    """A worker that answers every request on a connection with the same bytes."""

    async def script(peer):
        while True:
            await hear(peer)
            for piece in pieces:
                peer.writer.write(piece)
                await pause(0.002)
            if hang_up:
                return

    return script


def saying_at_once(answer):
    async def script(peer):
        while True:
            await hear(peer)
            peer.writer.write(answer)

    return script


async def silent(peer):
    await peer.rest()


async def ask(ups, origin, *, body=b"hi", limit=1_000_000):
    async with ups.exchange(origin, REQUEST, body) as answer:
        return answer.head.status, await answer.body(limit)

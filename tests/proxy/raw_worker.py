"""A worker that answers with exactly the bytes it is given: the one thing a real one cannot."""

import asyncio
from typing import Self


class RawWorker:
    """Reads a request, writes the pieces of `answer` one by one, and closes if told so.

    It waits for an event among the pieces. `requests` holds what came, head and body as sent.
    """

    url: str

    def __init__(self, *answer: bytes | asyncio.Event, close: bool = False) -> None:
        self.answer = answer
        self.close = close
        self.requests: list[bytes] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.requests.append(await _request(reader))
                for piece in self.answer:
                    if isinstance(piece, asyncio.Event):
                        await piece.wait()
                    else:
                        writer.write(piece)
                        await writer.drain()
                if self.close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((line[15:] for line in lines if line.startswith(b"content-length:")), b"0")
    return head + await reader.readexactly(int(length))


def whole(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """An answer with a length."""
    lines = [b"HTTP/1.1 " + status, *headers, b"content-length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def sse_head(*headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"content-type: text/event-stream", *headers]
    return b"\r\n".join([*lines, b"transfer-encoding: chunked"]) + b"\r\n\r\n"


def chunk(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


LAST = b"0\r\n\r\n"

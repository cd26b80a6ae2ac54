"""Ten thousand large requests leave the proxy as it was."""

import asyncio
import json

import psutil
import pytest

from tests.e2e.rig import KEY, Serving

BODY = json.dumps(
    {
        "model": "claude-sonnet-5-5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "x" * 200_000}],
    }
).encode()
REQUEST = (
    b"POST /v1/messages HTTP/1.1\r\nhost: test\r\nx-api-key: %b\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
) % (KEY.encode(), len(BODY), BODY)
ANSWER = b'{"type":"message","usage":{"input_tokens":3,"output_tokens":4}}'
CONNECTIONS = 8


class Upstream(asyncio.Protocol):
    """Takes a request of any size, keeps nothing of it, and answers."""

    def connection_made(self, transport):
        self.transport = transport
        self.left = 0
        self.head = b""

    def data_received(self, data):
        if not self.left:
            self.head += data
            head, blank, data = self.head.partition(b"\r\n\r\n")
            if not blank:
                return
            self.left = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            self.head = b""
        self.left -= len(data)
        if not self.left:
            head = (
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            )
            self.transport.write(head % len(ANSWER) + ANSWER)


async def send(port, times):
    """So many requests on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(times):
        writer.write(REQUEST)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert await reader.readexactly(len(ANSWER)) == ANSWER
    writer.close()


@pytest.mark.timeout(240)
async def test_memory_and_descriptors_stay_flat_over_ten_thousand_large_requests(tmp_path):
    upstream = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}"
    account = {"name": "ann", "url": url, "headers": {"x-api-key": "dummy-key"}, "concurrency": 9}
    async with upstream, Serving(tmp_path, account) as serving:
        proxy = psutil.Process(serving.process.pid)

        async def send_all(times):
            await asyncio.gather(*(send(serving.port, times) for _ in range(CONNECTIONS)))
            return proxy.memory_info().rss, proxy.num_fds()

        rss_before, fds_before = await send_all(250)
        rss_after, fds_after = await send_all(1000)

    assert rss_after - rss_before < 24 * 1024 * 1024
    assert abs(fds_after - fds_before) <= CONNECTIONS

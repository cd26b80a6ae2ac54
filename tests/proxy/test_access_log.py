import asyncio
import io
import json

from proxy.access_log import AccessLine, AccessLog


class Out(io.BytesIO):
    """Counts writes, and tells when one came."""

    def __init__(self):
        super().__init__()
        self.writes = 0
        self.written = asyncio.Event()

    def write(self, data):
        self.writes += 1
        self.written.set()
        return super().write(data)

    @property
    def lines(self):
        return [json.loads(line) for line in self.getvalue().splitlines()]


def line(n):
    return AccessLine(at=float(n), id=f"req_{n}", route="messages", outcome="ok")


async def test_lines_of_one_moment_are_written_together_and_in_order():
    out = Out()
    log = AccessLog(out, delay=0.01)
    for n in range(100):
        log.write(line(n))
    async with asyncio.timeout(5):
        await out.written.wait()

    assert out.writes == 1
    assert [read["id"] for read in out.lines] == [f"req_{n}" for n in range(100)]


async def test_a_flush_writes_at_once_and_only_once():
    out = Out()
    log = AccessLog(out, delay=3600)
    log.write(line(1))
    log.flush()

    assert out.lines == [
        {"event": "access", "at": 1.0, "id": "req_1", "route": "messages", "outcome": "ok"}
    ]
    assert out.writes == 1


async def test_lines_after_a_flush_are_written_too():
    out = Out()
    log = AccessLog(out, delay=0.01)
    log.write(line(1))
    log.flush()
    out.written.clear()
    log.write(line(2))
    async with asyncio.timeout(5):
        await out.written.wait()

    assert [read["id"] for read in out.lines] == ["req_1", "req_2"]

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.simulator_rig import Simulator


class Client:
    """A plain HTTP client of one simulator, as `alice` unless told otherwise."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    def post(self, text="hello", *, headers=None, path="/v1/messages", **fields):
        """POST one user message; use as `async with`."""
        body = {
            "model": "claude-sonnet-5-5",
            "max_tokens": 1000,
            "messages": [{"role": "user", "content": text}],
            **fields,
        }
        return self.session.post(
            self.url + path, json=body, headers=headers or {"x-api-key": "sim-alice"}
        )


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def client(sim) -> AsyncIterator[Client]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Client(session, sim.url)

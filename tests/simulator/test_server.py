import asyncio

import aiohttp

from simulator.config import Config
from simulator.server import serving


async def test_stopping_does_not_wait_for_an_answer_that_never_comes():
    hung = asyncio.Event()
    async with (
        asyncio.timeout(3),
        asyncio.TaskGroup() as group,
        serving(Config(open=True), "127.0.0.1", 0) as (provider, port),
    ):
        provider.records.on_change = hung.set
        call = group.create_task(hang(port))
        await hung.wait()

    assert isinstance(call.result(), aiohttp.ClientError)


async def hang(port):
    """The error in which a call ends that is never answered."""
    body = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "[[sim:fault=hang]]"}],
    }
    url = f"http://127.0.0.1:{port}/v1/messages"
    async with aiohttp.ClientSession() as session:
        try:
            await session.post(url, json=body, headers={"x-api-key": "sim-alice"})
        except aiohttp.ClientError as exc:
            return exc

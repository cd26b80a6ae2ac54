import asyncio
import socket

import aiohttp
import pytest
import yaml

from proxy.access_log import AccessLog
from proxy.app import App
from proxy.config import load
from tests.e2e.rig import KEY, Lines, plain
from tests.simulator_rig import Simulator


@pytest.fixture
async def simulator():
    async with Simulator() as simulator:
        yield simulator


async def test_what_was_learned_survives_a_restart(tmp_path, simulator):
    config = {
        "listen": "127.0.0.1:0",
        "admin": {"listen": "127.0.0.1:0"},
        "state_file": str(tmp_path / "headgate.state"),
        "clients": [{"name": "alice", "key": KEY}],
        "accounts": [plain("ann", simulator), plain("bob", simulator)],
    }
    file = tmp_path / "headgate.yaml"
    file.write_text(yaml.safe_dump(config))
    simulator.fault("402", account="ann", count=None)

    async def ask(times):
        body = {"model": "claude-sonnet-5-5", "max_tokens": 9}
        body["messages"] = [{"role": "user", "content": "hi"}]
        async with (
            App(load(file), AccessLog(Lines())) as app,
            aiohttp.ClientSession(headers={"x-api-key": KEY}) as http,
        ):
            for n in range(times):
                body["messages"][0]["content"] = f"hi {n}"
                url = f"http://127.0.0.1:{app.data_port}/v1/messages"
                async with http.post(url, json=body) as answer:
                    assert answer.status == 200
            return {status.name: status.state for status in await app.pool.states()}

    before, after = await ask(8), await ask(8)

    assert before == after == {"ann": "billing", "bob": "ready"}
    assert sum(call.account == "ann" for call in simulator.calls) == 1


async def test_a_start_that_fails_leaves_nothing_behind(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = {
            "listen": f"127.0.0.1:{taken.getsockname()[1]}",
            "admin": {"listen": "127.0.0.1:0"},
            "accounts": [{"name": "ann", "url": "http://127.0.0.1:1", "token": "w" * 20}],
        }
        file = tmp_path / "headgate.yaml"
        file.write_text(yaml.safe_dump(config))
        before = asyncio.all_tasks()
        with pytest.raises(OSError, match="in use"):
            await App(load(file), AccessLog(Lines())).__aenter__()

    assert asyncio.all_tasks() == before

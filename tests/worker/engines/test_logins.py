"""Every kind of account that the CLI can be, seen with the real CLI on loopback."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from tests.simulator_rig import Simulator
from tests.worker.engines.cli_rig import (
    KEYED,
    OAUTH,
    assistant,
    processes,
    running,
    text_of,
    turn,
    user,
)
from tests.worker.engines.clouds import cloud
from worker.core.verdict import Kind
from worker.engines.base import TurnFailedError
from worker.errors import WorkerError

pytestmark = pytest.mark.cli

CLOUDS = {
    "bedrock": {
        "CLAUDE_CODE_USE_BEDROCK": "1",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "secret",
    },
    "bedrock by key": {
        "CLAUDE_CODE_USE_BEDROCK": "1",
        "AWS_REGION": "us-east-1",
        "AWS_BEARER_TOKEN_BEDROCK": "key",
    },
    "vertex": {
        "CLAUDE_CODE_USE_VERTEX": "1",
        "CLAUDE_CODE_SKIP_VERTEX_AUTH": "1",
        "CLOUD_ML_REGION": "us-east5",
        "ANTHROPIC_VERTEX_PROJECT_ID": "project",
    },
}
_VERTEX = "/projects/project/locations/us-east5/publishers/anthropic/models"
ASKED = {
    "bedrock": ("/model/claude-sonnet-4-5/invoke-with-response-stream", "AWS4-HMAC-SHA256 "),
    "bedrock by key": ("/model/claude-sonnet-4-5/invoke-with-response-stream", "Bearer key"),
    "vertex": (f"{_VERTEX}/claude-sonnet-4-5:streamRawPredict", ""),
}


@pytest.fixture
async def sim():
    async with Simulator() as simulator:
        yield simulator


@pytest.mark.parametrize("kind", CLOUDS)
async def test_a_cloud_answers_as_the_api_does(tmp_path, sim, kind):
    async with cloud(sim.url) as provider:
        url = {
            "ANTHROPIC_BEDROCK_BASE_URL": provider.url,
            "ANTHROPIC_VERTEX_BASE_URL": provider.url,
        }
        async with running(tmp_path, sim.url, CLOUDS[kind] | url) as engine:
            provider.asked.clear()
            first = user("Remember the word plum.")
            message = json.loads(await engine.message(turn(first)))
            history = (first, assistant(message["content"]), user("What was the word?"))
            answer = await engine.message(turn(*history))
            state = engine.state()
            with pytest.raises(TurnFailedError) as failed:
                await engine.message(turn(user("hello [[sim:fault=burst retry-after=40]]")))

    path, credential = ASKED[kind]
    assert "plum" in text_of(answer)
    assert message["usage"]["output_tokens"] > 0
    assert (state.ready, state.login.method) == (True, kind.split()[0])
    assert [asked[0] for asked in provider.asked] == [path] * 3
    assert all(asked[1].startswith(credential) for asked in provider.asked)
    assert failed.value.verdict.kind in (Kind.BURST, Kind.THROTTLED)
    assert not failed.value.verdict.started


@pytest.mark.parametrize(("login", "method"), [(OAUTH, "oauth_token"), (KEYED, "api_key")])
async def test_the_kind_of_a_login_is_told_and_what_the_cli_has(tmp_path, sim, login, method):
    async with running(tmp_path, sim.url, login, selftest=True) as engine:
        state = engine.state()

    assert (state.ready, state.login.ok, state.login.method) == (True, True, method)
    assert state.login.checked_at
    assert all(state.features.values())


async def test_a_login_folder_has_one_worker(tmp_path, sim):
    async with running(tmp_path, sim.url):
        with pytest.raises(WorkerError, match=rf"in use by another worker \(pid {os.getpid()}\)"):
            async with running(tmp_path, sim.url):
                pass
    async with running(tmp_path, sim.url) as engine:
        assert engine.state().ready


async def test_a_login_of_its_own_breaks_and_comes_back_when_it_is_done_again(tmp_path, sim):
    config = tmp_path / "config"
    config.mkdir()
    log_in(config)
    async with running(tmp_path, sim.url, login={}) as engine:
        await engine.message(turn(user("hello")))
        before = engine.state()
        with pytest.raises(TurnFailedError) as failed:
            await engine.message(turn(user("hello [[sim:fault=401]]")))
        broken = engine.state()
        log_in(config)
        async with asyncio.timeout(5):
            while not engine.state().ready:  # noqa: ASYNC110  the watch tells nobody
                await asyncio.sleep(0.02)
        await engine.message(turn(user("hello")))

    assert (before.login.method, before.ready) == ("claude.ai", True)
    assert failed.value.verdict.kind is Kind.AUTH
    assert (broken.ready, broken.reason, broken.login.ok) == (False, "auth", False)


async def test_a_process_that_died_at_rest_costs_nobody_a_turn(tmp_path, sim):
    async with running(tmp_path, sim.url) as engine:
        for number in range(5):
            first = user(f"Remember the word plum{number}.")
            message = json.loads(await engine.message(turn(first)))
            for process in processes():
                process.send_signal(signal.SIGKILL)
            history = (first, assistant(message["content"]), user("What was the word?"))

            assert f"plum{number}" in text_of(await engine.message(turn(*history)))
    assert len(sim.calls) == 10


def log_in(config: Path) -> None:
    """What the CLI's own login leaves behind."""
    tokens = {
        "accessToken": "sim-alice",
        "refreshToken": "sim-refresh",
        "expiresAt": 4102444800000,
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }
    (config / ".credentials.json").write_text(json.dumps({"claudeAiOauth": tokens}))

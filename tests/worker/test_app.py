"""The worker as a process: start, serve, drain, stop."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import anthropic
import msgspec
import pytest
import yaml

from tests.simulator_rig import Simulator
from tests.worker.engines.cli_rig import COMMAND
from tests.worker.rig import ASK
from worker.app import make_engine
from worker.config import parse

ROOT = Path(__file__).parents[2]
TOKEN = "a-worker-token"
AUTHORIZED = {"authorization": f"Bearer {TOKEN}"}
BODY = msgspec.json.encode(ASK | {"model": "claude-sonnet-5-5", "stream": True})


class Process:
    """A `headgate-worker` that runs."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url
        self.pid = process.pid

    async def ended(self) -> tuple[int, str]:
        """The exit code, and what it wrote to stderr."""
        async with asyncio.timeout(10):
            _, errors = await self.process.communicate()
        return self.process.returncode or 0, errors.decode()


async def spawn(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "worker",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def running(file: Path) -> AsyncIterator[Process]:
    process = await spawn("--config", str(file), "--listen", "127.0.0.1:0")
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        expected = b"headgate-worker alice listens on http://127.0.0.1:"
        assert line.startswith(expected), (await process.stderr.read()).decode()
        yield Process(process, line.decode().split()[-1])
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
def settings(provider) -> dict[str, object]:
    api = {"url": provider.url, "key": "sim-alice"}
    return {"account": "alice", "engine": "api", "token": TOKEN, "api": api}


@pytest.fixture
def configured(tmp_path, settings):
    """Write the settings, with changes, into a file."""

    def write(**changes: object) -> Path:
        file = tmp_path / "worker.yaml"
        file.write_text(yaml.safe_dump(settings | changes))
        return file

    return write


@pytest.fixture
async def worker(configured) -> AsyncIterator[Process]:
    async with running(configured()) as process:
        yield process


async def state_of(session: aiohttp.ClientSession, worker: Process) -> dict[str, object]:
    async with session.get(worker.url + "/state", headers=AUTHORIZED) as answer:
        return await answer.json()


async def test_a_live_stream_finishes_after_sigterm_and_no_other_begins(provider, worker):
    provider.pace(rate=100, tokens=100)
    async with aiohttp.ClientSession(headers=AUTHORIZED) as session:
        assert (await state_of(session, worker))["ready"] is True
        async with session.post(worker.url + "/v1/messages", data=BODY) as stream:
            begun = await stream.content.readany()
            worker.process.send_signal(signal.SIGTERM)
            while (state := await state_of(session, worker))["ready"]:
                pass
            async with session.post(worker.url + "/v1/messages", data=BODY) as late:
                refused = late.status, late.headers["x-headgate-started"]
            rest = await stream.read()
    code, errors = await worker.ended()

    assert state["reason"] == "draining"
    assert refused == (503, "0")
    assert begun.startswith(b"event: message_start\n")
    assert rest.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert (code, "Traceback" in errors) == (0, False)


async def until_unready(session, worker: Process) -> None:
    """Wait until it says so, or does not even listen any more."""
    with suppress(aiohttp.ClientConnectionError):
        while (await state_of(session, worker))["ready"]:
            pass


async def cut_by_the_end(worker: Process, signals: int) -> tuple[bytes, bool]:
    """What a stream gets when the worker is told so often to stop, and if it ends cleanly."""
    async with (
        aiohttp.ClientSession(headers=AUTHORIZED) as session,
        session.post(worker.url + "/v1/messages", data=BODY) as stream,
    ):
        received = await stream.content.readany()
        for _ in range(signals):
            worker.process.send_signal(signal.SIGTERM)
            await until_unready(session, worker)
        try:
            async for chunk in stream.content.iter_any():
                received += chunk
        except aiohttp.ClientPayloadError:
            return received, False
    return received, True


@pytest.mark.parametrize(("drain", "signals"), [(0.2, 1), (600, 2)])
async def test_the_end_of_the_drain_is_told_to_the_stragglers(provider, configured, drain, signals):
    provider.pace(rate=5, tokens=10_000)
    async with running(configured(drain=drain)) as worker:
        received, clean = await cut_by_the_end(worker, signals)
        code, errors = await worker.ended()

    assert not clean
    assert received.rstrip().rpartition(b"\n\n")[2].startswith(b"event: error\n")
    assert (code, "Traceback" in errors) == (0, False)


async def test_an_idle_worker_stops_at_once(worker):
    worker.process.send_signal(signal.SIGINT)

    assert (await worker.ended())[0] == 0


async def test_the_sdk_streams_and_asks_and_counts(worker):
    client = anthropic.AsyncAnthropic(base_url=worker.url, auth_token=TOKEN, max_retries=0)
    words = {"model": "claude-sonnet-5-5", "messages": [{"role": "user", "content": "hello"}]}
    async with client:
        message = await client.messages.create(max_tokens=64, **words)
        async with client.messages.stream(max_tokens=64, **words) as stream:
            texts = [text async for text in stream.text_stream]
            final = await stream.get_final_message()
        count = await client.messages.count_tokens(**words)
        models = await client.models.list()

    assert message.content[0].text == "".join(texts) == final.content[0].text
    assert final.stop_reason == "end_turn"
    assert count.input_tokens == message.usage.input_tokens
    assert "claude-sonnet-5-5" in [model.id for model in models.data]


async def test_the_sdk_sees_failures_as_what_they_are(provider, worker):
    client = anthropic.AsyncAnthropic(base_url=worker.url, auth_token=TOKEN, max_retries=0)
    words = {"model": "claude-sonnet-5-5", "messages": [{"role": "user", "content": "hello"}]}
    async with client:
        provider.fault("rejected")
        with pytest.raises(anthropic.RateLimitError) as limited:
            await client.messages.create(max_tokens=64, **words)
        provider.fault("no_stop")
        stream = await client.messages.create(max_tokens=64, stream=True, **words)
        with pytest.raises(anthropic.APIStatusError) as broken:
            _ = [event async for event in stream]

    assert limited.value.request_id
    assert limited.value.response.headers["x-headgate-verdict"] == "quota"
    assert broken.value.body["error"]["type"] == "api_error"


@pytest.mark.cli
async def test_the_real_cli_is_served_by_the_process(provider, configured, tmp_path):
    login = {"ANTHROPIC_API_KEY": "sim-alice", "ANTHROPIC_BASE_URL": provider.url}
    folders = {"home": str(tmp_path / "home"), "config_dir": str(tmp_path / "login")}
    cli = {"command": str(COMMAND), "environment": login, "warm": 0, **folders}
    async with running(configured(engine="cli", cli=cli)) as worker:
        async with (
            aiohttp.ClientSession(headers=AUTHORIZED) as session,
            session.post(worker.url + "/v1/messages", data=BODY) as stream,
        ):
            body = await stream.read()
        worker.process.send_signal(signal.SIGTERM)
        code, errors = await worker.ended()

    assert stream.status == 200
    assert body.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert (code, "Traceback" in errors) == (0, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("account: alice\nengine: gpt\ndrian: 5\n", "headgate-worker: drian: "),
        ("account: [", "headgate-worker: "),
    ],
)
async def test_a_bad_configuration_is_told_in_clear_lines(tmp_path, text, expected):
    file = tmp_path / "worker.yaml"
    file.write_text(text)
    process = await spawn("--config", str(file))
    _, errors = await process.communicate()

    assert process.returncode == 1
    assert expected in errors.decode()
    assert "Traceback" not in errors.decode()


async def test_a_port_that_is_taken_is_one_clear_line(worker, configured):
    taken = worker.url.removeprefix("http://")
    process = await spawn("--config", str(configured()), "--listen", taken)
    _, errors = await process.communicate()

    assert process.returncode == 1
    assert errors.decode().startswith("headgate-worker: ")
    assert errors.decode().count("\n") == 1


async def test_no_secret_and_no_prompt_is_ever_logged(provider, worker):
    words = [{"role": "user", "content": "canary-prompt"}]
    body = msgspec.json.encode(ASK | {"model": "claude-x", "messages": words})
    url = f"{worker.url}/v1/messages?key=canary-query"
    async with aiohttp.ClientSession(headers=AUTHORIZED) as session:
        for fault in ("400", "cut", "json_error"):
            provider.fault(fault)
            async with session.post(url, data=body) as answer:
                assert answer.status >= 400
    worker.process.send_signal(signal.SIGTERM)
    _, errors = await worker.ended()

    lines = [msgspec.json.decode(line) for line in errors.splitlines()]
    assert [line["status"] for line in lines if line["event"] == "request"] == [400, 502, 502]
    assert "canary" not in errors
    assert TOKEN not in errors


def test_the_engine_is_the_one_that_the_settings_name():
    cli = {"config_dir": "/nowhere", "home": "/nowhere"}
    api = {"url": "http://127.0.0.1:1"}

    assert make_engine(parse({"account": "a", "cli": cli}, {})).name == "cli"
    for name in ("api", "openai"):
        assert make_engine(parse({"account": "a", "engine": name, name: api}, {})).name == name

"""The engine of a Messages API, against the simulated provider and against worse ones."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest
from aiohttp import web

from simulator.plans import Plan, Style
from tests.simulator_rig import Simulator
from tests.worker.rig import ASK, Served, serving, worker_of
from worker.config import ApiSettings
from worker.core.verdict import Kind, Scope
from worker.engines.api import ApiEngine

MODEL = "claude-sonnet-5-5"


def asking(prompt: str = "hello", *, stream: bool, **fields: object) -> dict[str, object]:
    words = [{"role": "user", "content": prompt}]
    return ASK | {"model": MODEL, "messages": words, "stream": stream} | fields


@pytest.fixture
async def provider() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def worker(provider) -> AsyncIterator[Served]:
    async with worker_of(provider.url) as served:
        yield served


async def answered(worker: Served, body: object) -> tuple[int, dict[str, str], bytes, bool]:
    """Status, verdict headers, body, and whether the body ended cleanly."""
    async with worker.post(body) as answer:
        verdict = {
            name.removeprefix("x-headgate-"): value
            for name, value in answer.headers.items()
            if name.lower().startswith("x-headgate-")
        }
        received = b""
        try:
            async for chunk in answer.content.iter_any():
                received += chunk
        except aiohttp.ClientPayloadError:
            return answer.status, verdict, received, False
        return answer.status, verdict, received, True


def told(kind: str, scope: str = "request", started: str = "0") -> dict[str, str]:
    return {"verdict": kind, "scope": scope, "started": started}


REFUSALS = [
    ("rejected", 429, told("quota", "account")),
    ("burst", 429, told("burst", "account")),
    ("throttled", 429, told("throttled")),
    ("long_context", 400, told("client_error")),
    ("overloaded", 529, told("overloaded")),
    ("500", 500, told("worker_error", started="1")),
    ("502", 502, told("worker_error", started="1")),
    ("503", 503, told("worker_error", started="1")),
    ("504", 502, told("worker_error", started="1")),
    ("401", 401, told("auth", "account")),
    ("403", 401, told("auth", "account")),
    ("org_not_allowed", 401, told("auth", "account")),
    ("credit", 400, told("client_error")),
    ("402", 402, told("billing", "account")),
    ("too_long", 400, told("client_error")),
    ("400", 400, told("client_error")),
    ("413", 413, told("client_error")),
    ("404", 404, told("client_error")),
    ("json_error", 502, told("worker_error", started="1")),
    ("refused", 502, told("worker_error", started="1")),
    ("hang", 504, told("timeout", started="1")),
]


@pytest.mark.parametrize(("fault", "status", "verdict"), REFUSALS)
async def test_a_refusal_is_a_status_with_a_verdict(provider, worker, fault, status, verdict):
    provider.fault(fault, count=2)
    for stream in (False, True):
        found, headers, body, clean = await answered(worker, asking(stream=stream))
        headers.pop("until", None)

        assert (found, headers, clean) == (status, verdict, True)
        assert msgspec.json.decode(body)["type"] == "error"


@pytest.mark.parametrize("fault", ["cut", "reset", "stall", "no_stop", "error_mid"])
async def test_a_stream_that_breaks_is_told_and_cut(provider, worker, fault):
    provider.fault(fault)
    status, _, body, clean = await answered(worker, asking(stream=True))

    assert status == 200
    assert not clean
    assert body.count(b"event: error\n") == 1
    assert b"message_stop" not in body
    assert body.rstrip().rpartition(b"\n\n")[2].startswith(b"event: error\n")


@pytest.mark.parametrize("fault", ["empty", "error_first"])
async def test_a_stream_that_breaks_before_it_begins_is_a_status(provider, worker, fault):
    provider.fault(fault)
    status, headers, _, clean = await answered(worker, asking(stream=True))

    assert status >= 500
    assert headers["verdict"] in {"worker_error", "overloaded"}
    assert clean


@pytest.mark.parametrize("fault", ["cut", "reset", "stall", "empty"])
async def test_a_message_that_breaks_is_a_status(provider, worker, fault):
    provider.fault(fault)
    status, headers, _, clean = await answered(worker, asking(stream=False))

    assert status in {502, 504}
    assert headers["started"] == "1"
    assert clean


async def test_a_dribbling_provider_is_only_slow(provider, worker):
    provider.fault("dribble")
    status, _, body, clean = await answered(worker, asking(stream=True))

    assert (status, clean) == (200, True)
    assert body.endswith(b'data: {"type":"message_stop"}\n\n')


async def test_the_body_goes_out_and_comes_back_as_it_was(provider, worker):
    raw = msgspec.json.encode(asking(stream=True)).replace(b",", b" ,  ")
    headers = {"anthropic-version": "2026-10-21", "anthropic-beta": "b-1", "x-request-id": "r-9"}
    async with worker.post(
        raw, headers=headers | {"cookie": "c=1", "authorization": "no"}
    ) as answer:
        through = await answer.read()
    own = {"x-api-key": "sim-alice"}
    async with worker.session.post(provider.url + "/v1/messages", data=raw, headers=own) as answer:
        direct = await answer.read()

    (call, _) = provider.calls
    sent = {name.lower(): value for name, value in call.headers}
    assert call.body == raw
    assert without_ids(through) == without_ids(direct)
    assert sent["x-api-key"] == "sim-alice"
    assert (sent["anthropic-version"], sent["anthropic-beta"]) == ("2026-10-21", "b-1")
    assert sent["x-request-id"] == "r-9"
    assert sent["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "x-headgate-client"} & set(sent)


def without_ids(stream: bytes) -> list[bytes]:
    return [line for line in stream.split(b"\n") if b"message_start" not in line]


async def test_a_client_that_leaves_ends_the_providers_stream(provider, worker):
    provider.pace(rate=5, tokens=100)
    async with worker.post(asking(stream=True)) as answer:
        await answer.content.readany()
    begun = time.monotonic()
    await provider.until(lambda: provider.tally.left == 1)

    assert time.monotonic() - begun < 1
    assert worker.parts.engine.state().slots.busy == 0


async def test_a_client_that_leaves_ends_a_silent_message_too(provider, worker):
    provider.pace(latency=30)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(answered(worker, asking(stream=False)))
        await provider.until(lambda: provider.calls)
        asked.cancel()
    await provider.until(lambda: provider.tally.left == 1, seconds=1)

    assert worker.parts.engine.state().slots.busy == 0


async def test_two_hundred_clients_that_leave_leave_nothing_behind(provider):
    provider.pace(rate=20, tokens=1000)
    async with worker_of(provider.url, concurrency=20) as worker:
        tasks = len(asyncio.all_tasks())
        for _ in range(10):
            async with asyncio.TaskGroup() as group:
                for _ in range(20):
                    group.create_task(leave_early(worker))
            await provider.until(lambda: not provider.tally.in_flight.total())
        engine = worker.parts.engine

        assert provider.tally.left == 200
        assert (engine.state().slots.busy, worker.parts.gate.busy) == (0, 0)
        assert not engine._upstream._session.connector._acquired
    assert len(asyncio.all_tasks()) <= tasks


async def leave_early(worker: Served) -> None:
    async with worker.post(asking(stream=True)) as answer:
        assert answer.status == 200
        await answer.content.readany()


async def test_connections_are_kept_for_the_next_turn(worker):
    for _ in range(3):
        await answered(worker, asking(stream=True))
        await answered(worker, asking(stream=False))

    connector = worker.parts.engine._upstream._session.connector
    assert sum(map(len, connector._conns.values())) == 1


async def test_nothing_was_begun_where_nobody_listens():
    async with worker_of("http://127.0.0.1:1") as worker:
        status, headers, _, _ = await answered(worker, asking(stream=True))

    assert status == 502
    assert headers == told("worker_error")


async def test_windows_and_limits_show_in_the_state(provider):
    provider.plan("alice", Plan(windows=Plan().windows, style=Style.UNIFIED))
    async with worker_of(provider.url) as worker:
        provider.fault("rejected", args={"reset": "1000"})
        _, headers, _, _ = await answered(worker, asking(stream=True))
        state = worker.parts.engine.state()

    assert float(headers["until"]) == pytest.approx(time.time() + 1000, abs=5)
    assert state.ready
    assert (state.limit.kind, state.limit.scope) == (Kind.QUOTA, Scope.ACCOUNT)
    assert state.limit.until == pytest.approx(float(headers["until"]), abs=1)
    assert [w.name for w in state.windows if w.status == "rejected"] == ["five_hour"]


async def test_a_refused_login_makes_the_worker_unready_until_it_is_tried_again(provider):
    now = [1000.0]
    engine = ApiEngine(ApiSettings(url=provider.url, key="sim-alice"), clock=lambda: now[0])
    assert engine.state().reason == "starting"
    await engine.start()
    async with serving(engine) as worker:
        provider.fault("401")
        await answered(worker, asking(stream=True))
        barred = engine.state()
        now[0] += 61
        after = engine.state()
    await engine.stop()

    assert (barred.ready, barred.reason, barred.login.ok) == (False, "auth", False)
    assert (after.ready, after.reason, after.login.ok) == (True, None, True)


async def test_tokens_and_models_are_the_providers(worker):
    async with worker.post(asking(stream=False), path="/v1/messages/count_tokens") as answer:
        count = await answer.json()
        assert "x-headgate-estimate" not in answer.headers
    async with worker.get("/v1/models") as answer:
        models = await answer.json()

    assert count["input_tokens"] > 0
    assert MODEL in [model["id"] for model in models["data"]]


@asynccontextmanager
async def worker_of_answer(**answer) -> AsyncIterator[Served]:
    """A worker whose provider always answers the same."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(**answer)

    app = web.Application()
    app.router.add_post("/v1/messages", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with worker_of(f"http://127.0.0.1:{runner.addresses[0][1]}") as worker:
            yield worker
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 302, "headers": {"location": "/v1/messages"}},
        {"status": 204},
        {"text": "<html>", "content_type": "text/html"},
        {"text": '{"type":"message"}', "headers": {"content-encoding": "gzip"}},
        {"text": '{"type":"completion"}', "content_type": "application/json"},
        {"text": "{", "content_type": "application/json"},
        {"text": "", "content_type": "text/event-stream"},
        {"text": "event: error\ndata: {\n\n", "content_type": "text/event-stream"},
    ],
)
async def test_an_answer_that_is_no_message_is_broken(answer):
    for stream in (False, True):
        async with worker_of_answer(**answer) as worker:
            status, headers, _, _ = await answered(worker, asking(stream=stream))

        assert status == 502
        assert headers == told("worker_error", started="1")


async def test_events_may_leave_their_names_to_their_data():
    nameless = b'data: {"type":"message_start"}\r\n\r\ndata: {"type":\rdata: "message_stop"}\r\r'
    async with worker_of_answer(body=nameless, content_type="text/event-stream") as worker:
        status, _, body, clean = await answered(worker, asking(stream=True))

    assert (status, clean) == (200, True)
    assert body == (
        b'event: message_start\ndata: {"type":"message_start"}\n\n'
        b'event: message_stop\ndata: {"type": "message_stop"}\n\n'
    )

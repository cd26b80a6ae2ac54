"""Streams: what arrives when, and how a stream that fails is told from one that ends."""

import asyncio

import aiohttp
import pytest

from tests.worker.rig import ASK, BLOCK, END, HELLO, START, STOP, serving, text, until_cut
from worker.core.verdict import Kind, Scope, Verdict
from worker.engines.base import TurnFailedError

STREAM = ASK | {"stream": True}
OVERLOADED = TurnFailedError(Verdict(Kind.OVERLOADED), 529, "overloaded_error", "full")


def rendered(events) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (e.name.encode(), e.data) for e in events)


async def test_a_stream_is_the_engines_events_and_nothing_else(worker):
    async with worker.post(STREAM, headers={"x-request-id": "r-1"}) as answer:
        body = await answer.read()

    assert answer.status == 200
    assert answer.content_type == "text/event-stream"
    assert answer.headers["x-request-id"] == answer.headers["request-id"] == "r-1"
    assert body == rendered(HELLO)


async def test_events_arrive_as_they_come(worker, engine):
    more = asyncio.Event()
    engine.script = (START, BLOCK, text("one"), more, text("two"), *END)
    async with worker.post(STREAM) as answer:
        early = await answer.content.readexactly(len(rendered((START, BLOCK, text("one")))))
        more.set()
        late = await answer.read()

    assert early == rendered((START, BLOCK, text("one")))
    assert late == rendered((text("two"), *END))


async def test_no_head_goes_out_before_the_first_content(worker, engine):
    engine.script = (START, gate := asyncio.Event(), *HELLO[1:])
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(worker.post(STREAM).__aenter__())
        await engine.begun.wait()
        silent, _ = await asyncio.wait({asked}, timeout=0.1)
        gate.set()
        answer = await asked

    assert not silent
    assert await answer.read() == rendered(HELLO)


@pytest.mark.parametrize("script", [(OVERLOADED,), (START, OVERLOADED)])
async def test_a_failure_before_content_is_a_real_status(worker, engine, script):
    engine.script = script
    async with worker.post(STREAM) as answer:
        body = await answer.json()

    assert answer.status == 529
    assert answer.headers["x-headgate-verdict"] == "overloaded"
    assert body["error"] == {"type": "overloaded_error", "message": "full"}


async def test_a_failure_after_content_is_one_error_event_and_a_cut(worker, engine):
    verdict = Verdict(Kind.WORKER_ERROR, Scope.REQUEST, started=True)
    engine.script = (START, BLOCK, TurnFailedError(verdict, 502, "api_error", "broke"))
    async with worker.post(STREAM) as answer:
        received, clean = await until_cut(answer)

    told = b'{"type":"error","error":{"type":"api_error","message":"broke"}}'
    assert not clean
    assert received == rendered((START, BLOCK)) + b"event: error\ndata: " + told + b"\n\n"


async def test_a_broken_engine_cuts_the_stream(worker, engine):
    engine.script = (START, BLOCK, ZeroDivisionError("a bug"))
    async with worker.post(STREAM) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()

    assert worker.parts.gate.busy == 0


async def test_a_stream_without_its_last_event_is_cut(worker, engine):
    engine.script = HELLO[:-1]
    async with worker.post(STREAM) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_an_engine_that_gives_nothing_is_no_success(worker, engine):
    engine.script = ()
    async with worker.post(STREAM) as answer:
        assert answer.status == 502
        assert answer.headers["x-headgate-started"] == "1"


async def test_silence_is_broken_by_pings(engine):
    engine.script = (START, BLOCK, gate := asyncio.Event(), *HELLO[2:])
    ping = b'event: ping\ndata: {"type":"ping"}\n\n'
    async with (
        serving(engine, timeouts={"ping": 0.05}) as worker,
        worker.post(STREAM) as answer,
    ):
        head = rendered((START, BLOCK))
        early = await answer.content.readexactly(len(head + ping + ping))
        gate.set()
        rest = await answer.read()

    assert early == head + ping + ping
    assert rest.replace(ping, b"") == rendered(HELLO[2:])


@pytest.mark.parametrize("script", [(), (START, BLOCK, text("x"))])
async def test_a_client_that_leaves_ends_the_turn_at_once(worker, engine, script):
    engine.script = (*script, asyncio.Event())
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(worker.post(STREAM).__aenter__())
        await engine.begun.wait()
        if script:
            (await asked).close()
        asked.cancel()
        async with asyncio.timeout(1):
            await engine.left.wait()

    assert worker.parts.gate.busy == 0


async def test_a_client_that_reads_nothing_is_given_up(engine):
    engine.script = (START, BLOCK, *[text("x" * 60_000)] * 400, *END)
    async with serving(engine, timeouts={"write": 0.2}) as worker:
        async with worker.post(STREAM):
            async with asyncio.timeout(5):
                await engine.left.wait()

        assert b'verdict="aborted"} 1.0' in worker.parts.metrics.render()


async def test_a_slow_client_gets_everything(worker, engine):
    engine.script = (START, BLOCK, *[text("x" * 60_000)] * 100, *END)
    async with worker.post(STREAM) as answer:
        body = b"".join([chunk async for chunk in answer.content.iter_chunked(4096)])

    assert body == rendered(engine.script)


async def test_a_connection_serves_again_after_a_stream(worker):
    for _ in range(3):
        async with worker.post(STREAM) as answer:
            assert (await answer.read()).endswith(rendered([STOP]))

    assert len(worker.session.connector._conns) == 1

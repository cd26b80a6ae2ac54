"""The slots that turns hold, in every dialect."""

import asyncio

import pytest

from tests.worker.rig import ASK, BLOCK, HELLO, START

STREAM = ASK | {"stream": True}
CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("path", ["/v1/messages", CHAT])
async def test_no_more_turns_than_slots(worker, engine, path):
    engine.script = (START, BLOCK, gate := asyncio.Event(), *HELLO[2:])
    async with worker.post(STREAM, path) as first, worker.post(STREAM, path) as second:
        async with worker.post(STREAM, path) as third:
            verdict = {k: v for k, v in third.headers.items() if k.startswith("x-headgate-")}
        gate.set()
        await first.read()
        await second.read()
    async with worker.post(STREAM, path) as fourth:
        await fourth.read()

    assert (first.status, second.status, third.status, fourth.status) == (200, 200, 503, 200)
    assert verdict == {
        "x-headgate-verdict": "worker_error",
        "x-headgate-scope": "request",
        "x-headgate-started": "0",
    }


@pytest.mark.parametrize(
    ("path", "last"),
    [("/v1/messages", b'{"type":"message_stop"}\n\n'), (CHAT, b"data: [DONE]\n\n")],
)
async def test_a_closed_gate_lets_live_turns_finish_and_no_new_one_in(worker, engine, path, last):
    engine.script = (START, BLOCK, gate := asyncio.Event(), *HELLO[2:])
    async with worker.post(STREAM, path) as live:
        worker.parts.gate.close()
        async with worker.post(STREAM, path) as late:
            assert late.status == 503
            assert late.headers["x-headgate-started"] == "0"
        assert not worker.parts.gate._idle.is_set()
        gate.set()
        assert (await live.read()).endswith(last)

    await worker.parts.gate.idle()

"""The slots that turns hold, and what of a request they leave out, in every dialect."""

import asyncio
import json

import pytest

from tests.worker.rig import ASK, BLOCK, HELLO, MESSAGE, START, serving

STREAM = ASK | {"stream": True}
CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"


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


VAIN = [
    (CHAT, ASK | {"seed": 4, "logit_bias": {"1": 2}}, "logit_bias, seed"),
    (CHAT, ASK | {"seed": None, "top_p": 0.5}, None),
    (RESPONSES, {"model": "m", "input": "hi", "truncation": "auto"}, "truncation"),
    ("/v1/messages", ASK | {"top_k": 5, "speed": "fast"}, "speed"),
    ("/v1/messages", ASK | {"seed": 4}, None),
]


@pytest.mark.parametrize(("path", "body", "named"), VAIN)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_asked_in_vain_is_named(worker, engine, path, body, named, stream):
    engine.name = "cli"
    engine.answer = json.dumps(MESSAGE).encode()
    async with worker.post(body | {"stream": stream}, path) as answer:
        await answer.read()

    assert answer.status == 200
    assert answer.headers.get("x-headgate-ignored") == named


@pytest.mark.parametrize(("path", "body", "named"), VAIN)
@pytest.mark.parametrize("configured", [False, True])
async def test_strictly_it_is_refused(engine, path, body, named, configured):
    engine.name = "cli"
    engine.answer = json.dumps(MESSAGE).encode()
    headers = {} if configured else {"x-headgate-strict": "1"}
    async with (
        serving(engine, strict=configured) as worker,
        worker.post(body, path, headers=headers) as answer,
    ):
        told = await answer.json()

    assert answer.status == (400 if named else 200)
    assert bool(engine.turns) is (named is None)
    if named:
        assert told["error"]["message"] == f"not honoured here: {named}"
        assert answer.headers["x-headgate-verdict"] == "client_error"

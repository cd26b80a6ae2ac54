"""The Messages surface of a worker, engine by engine, over a provider that says what it is told."""

import json
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import web

from tests.worker.engines.cli_rig import running
from tests.worker.rig import event, serving, worker_of

USAGE = {
    "input_tokens": 11,
    "cache_creation_input_tokens": 5,
    "cache_read_input_tokens": 7,
    "output_tokens": 1,
}
TEXT = {"type": "text", "text": "<p>a 🐦‍⬛ heron</p>"}
THOUGHT = {"type": "thinking", "thinking": "A heron, then.", "signature": "c2lnbmVk"}
REDACTED = {"type": "redacted_thinking", "data": "aGlkZGVu"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "see", "input": {"at": "the ünlit lake"}}
SEE = {"name": "see", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}

ROWS = {
    "plain": ([TEXT], "end_turn", None),
    "thinking": ([THOUGHT, TEXT], "end_turn", None),
    "redacted": ([REDACTED, THOUGHT, TEXT], "end_turn", None),
    "tools": ([TEXT, CALL, CALL | {"id": "toolu_2"}], "tool_use", None),
    "stopped": ([TEXT], "stop_sequence", "zzz"),
    "cut": ([TEXT], "max_tokens", None),
    "refused": ([TEXT], "refusal", None),
    "paused": ([TEXT], "pause_turn", None),
    "nothing": ([], "end_turn", None),
}
WISHES = {
    "max_tokens": 4321,
    "temperature": 1,
    "top_p": 0.97,
    "top_k": 40,
    "stop_sequences": ["zzz", "yyy"],
    "thinking": {"type": "enabled", "budget_tokens": 2048},
    "output_config": {"effort": "low"},
}
DELTAS = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "signature": ("signature_delta", "signature"),
}


def answer_of(row: str, tool: str) -> dict[str, object]:
    """The whole message of a row; a tool is called by the name under which it was offered."""
    blocks, reason, sequence = ROWS[row]
    content = [block | {"name": tool} if "name" in block else block for block in blocks]
    ending = {"stop_reason": reason, "stop_sequence": sequence}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5"}
    return {**head, "content": content, **ending, "usage": USAGE | {"output_tokens": 9}}


def events_of(message):
    """The same as a stream, every string in two pieces."""
    begun = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": USAGE}
    yield event("message_start", message=message | begun)
    yield event("ping")
    for index, block in enumerate(message["content"]):
        opened = {key: "" if key in DELTAS else value for key, value in block.items()}
        opened |= {"input": {}} if "input" in block else {}
        yield event("content_block_start", index=index, content_block=opened)
        for delta in deltas_of(block):
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    ending = {key: message[key] for key in ("stop_reason", "stop_sequence")}
    yield event("message_delta", delta=ending, usage=message["usage"])
    yield event("message_stop")


def deltas_of(block):
    for field, (kind, name) in DELTAS.items():
        words = block.get(field, "")
        for half in filter(None, (words[: len(words) // 2], words[len(words) // 2 :])):
            yield {"type": kind, name: half}
    given = json.dumps(block["input"]) if "input" in block else ""
    for half in filter(None, (given[:7], given[7:])):
        yield {"type": "input_json_delta", "partial_json": half}


class Provider:
    """Answers with the row that a request names; `asked` are the bodies that came."""

    def __init__(self) -> None:
        self.asked = []

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        row = next(name for name in ROWS if f"row {name}." in json.dumps(body["messages"]))
        message = answer_of(row, next((tool["name"] for tool in body.get("tools", ())), ""))
        if not body.get("stream"):
            return web.json_response(message)
        said = "".join(f"event: {e.name}\ndata: {e.data.decode()}\n\n" for e in events_of(message))
        return web.Response(text=said, content_type="text/event-stream")


@asynccontextmanager
async def listening(provider):
    app = web.Application()
    app.router.add_post("/v1/messages", provider.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture(params=["api", pytest.param("cli", marks=pytest.mark.cli)])
async def worker(request, provider, tmp_path):
    async with listening(provider) as url:
        if request.param == "api":
            async with worker_of(url) as served:
                yield served
        else:
            async with running(tmp_path, url) as engine, serving(engine) as served:
                yield served


def asking(row, **fields):
    tools = {"tools": [SEE]} if row == "tools" else {}
    messages = [{"role": "user", "content": f"row {row}."}]
    return {"model": "claude-sonnet-4-5", "max_tokens": 99, "messages": messages, **tools, **fields}


async def test_every_answer_is_told_whole_and_as_a_stream(worker):
    """Old and new versions, any beta and any field are taken along."""
    told, expected = {}, {}
    for number, row in enumerate(ROWS):
        headers = {
            "anthropic-version": ("2023-06-01", "2026-10-21")[number % 2],
            "anthropic-beta": "nobody-knows-2099-01-01,another",
        }
        for stream in (False, True):
            body = asking(row, stream=stream, a_field_of_tomorrow={"a": [1]})
            async with worker.post(body, headers=headers) as answer:
                raw = await answer.read()
            told[row, stream] = heard(raw) if stream else json.loads(raw)
            expected[row, stream] = answer_of(row, "see")

    assert told == expected


def heard(raw: bytes):
    """The message that a stream tells; it has to be a proper one."""
    pairs = [event.split("\n") for event in raw.decode().strip().split("\n\n")]
    events = [json.loads(data.removeprefix("data: ")) for _, data in pairs]
    kinds = [event["type"] for event in events if event["type"] != "ping"]
    opened = [event["index"] for event in events if event["type"] == "content_block_start"]
    closed = [event["index"] for event in events if event["type"] == "content_block_stop"]
    assert [name for name, _ in pairs] == [f"event: {event['type']}" for event in events]
    assert (kinds.count("message_start"), kinds.count("message_stop")) == (1, 1)
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert opened == closed == list(range(len(opened)))
    return joined(events)


def joined(events):
    """By hand, so that no code of ours judges itself."""
    message = events[0]["message"]
    for each in events:
        match each:
            case {"type": "content_block_start", "content_block": block}:
                message["content"].append(block | ({"input": ""} if "input" in block else {}))
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                (words,) = (value for key, value in delta.items() if key != "type")
                key = next(key for key in delta if key != "type").replace("partial_json", "input")
                message["content"][index][key] += words
            case {"type": "message_delta", "delta": delta, "usage": usage}:
                message |= delta
                message["usage"] |= usage
    for block in message["content"]:
        if "input" in block:
            block["input"] = msgspec.json.decode(block["input"])
    return message


async def test_what_a_request_wishes_reaches_the_provider(worker, provider):
    async with worker.post(asking("plain", model="claude-sonnet-5-5") | WISHES) as answer:
        assert answer.status == 200
        assert "x-headgate-ignored" not in answer.headers

    assert {name: provider.asked[-1].get(name) for name in WISHES} == WISHES


async def test_an_effort_that_an_old_model_is_not_told_is_named(worker, provider):
    async with worker.post(asking("plain", output_config={"effort": "low"})) as answer:
        assert answer.status == 200
    told = "output_config" in provider.asked[-1]

    assert answer.headers.get("x-headgate-ignored") == (None if told else "output_config.effort")


async def test_nobody_asks_for_another_model_or_for_more_than_the_client(worker, provider):
    for model in ("claude-opus-4-1", "claude-sonnet-5-5"):
        async with worker.post(asking("plain", model=model)) as answer:
            assert answer.status == 200

        assert provider.asked[-1]["model"] == model
        assert {"output_config", "thinking", "top_p"}.isdisjoint(provider.asked[-1])
        assert provider.asked[-1].get("temperature", 1) == 1

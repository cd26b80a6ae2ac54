"""Images and documents on their way through every engine: what the provider gets of them."""

import base64
import json

import pytest

from tests.e2e.rig import PIXEL
from tests.simulator_rig import Simulator
from tests.worker.engines.cli_rig import running
from tests.worker.rig import serving, worker_of

MODEL = "claude-sonnet-5-5"
PNG = base64.b64encode(PIXEL).decode()
PDF = base64.b64encode(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>").decode()
WORDS = base64.b64encode("héron".encode()).decode()


def image(data=PNG):
    source = {"type": "base64", "media_type": "image/png", "data": data}
    return {"type": "image", "source": source}


def document(title=None, **source):
    block = {"type": "document", "source": source}
    return block | ({"title": title} if title else {})


PDF_BLOCK = document(type="base64", media_type="application/pdf", data=PDF)
TEXT_BLOCK = document(type="text", media_type="text/plain", data="héron")

BLOCKS = [
    image(),
    PDF_BLOCK,
    PDF_BLOCK | {"title": "Herons", "context": "a book"},
    TEXT_BLOCK,
    document("Herons", type="content", content=[{"type": "text", "text": "grey"}, image()]),
    document(type="content", content="grey"),
]
PARTS = [
    ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}, image()),
    (
        {
            "type": "file",
            "file": {"filename": "h.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
        },
        PDF_BLOCK | {"title": "h.pdf"},
    ),
    (
        {"type": "file", "file": {"file_data": f"data:text/plain;base64,{WORDS}"}},
        TEXT_BLOCK,
    ),
]


@pytest.fixture
async def simulator():
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def cli(simulator, tmp_path):
    async with running(tmp_path, simulator.url) as engine, serving(engine) as served:
        yield served


@pytest.fixture
async def api(simulator):
    async with worker_of(simulator.url, timeouts={}) as served:
        yield served


def asking(*content):
    words = {"type": "text", "text": "say: seen"}
    return {
        "model": MODEL,
        "max_tokens": 99,
        "messages": [{"role": "user", "content": [*content, words]}],
    }


async def reached(worker, simulator, body, path="/v1/messages"):
    """The blocks of user turns as the provider got them, without marks for its cache."""
    async with worker.post(body, path=path) as answer:
        assert answer.status == 200, await answer.text()
    turns = json.loads(simulator.calls[-1].body)["messages"]
    blocks = [block for turn in turns if turn["role"] == "user" for block in turn["content"]]
    return [{k: v for k, v in block.items() if k != "cache_control"} for block in blocks]


@pytest.mark.cli
async def test_blocks_reach_the_provider_of_the_cli_as_they_are(cli, simulator):
    found = await reached(cli, simulator, asking(*BLOCKS))

    assert [block for block in found if block["type"] != "text"] == BLOCKS


@pytest.mark.cli
async def test_blocks_of_earlier_turns_and_of_results_reach_it_too(cli, simulator):
    tool = {"name": "see", "input_schema": {"type": "object"}}
    call = {"type": "tool_use", "id": "toolu_1", "name": "see", "input": {}}
    shown = [{"type": "text", "text": "Look:"}, image(), PDF_BLOCK]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": shown}
    first = asking(image(), TEXT_BLOCK)["messages"][0]
    body = asking(result) | {"tools": [tool]}
    body["messages"] = [first, {"role": "assistant", "content": [call]}, *body["messages"]]
    found = await reached(cli, simulator, body)
    (told,) = [block for block in found if block["type"] == "tool_result"]

    assert [block for block in found if block["type"] in {"image", "document"}] == [
        image(),
        TEXT_BLOCK,
    ]
    assert told["content"] == shown


@pytest.mark.cli
async def test_files_of_chat_completions_are_native_blocks_to_the_cli(cli, simulator):
    parts, blocks = zip(*PARTS, strict=True)
    found = await reached(cli, simulator, asking(*parts), "/v1/chat/completions")

    assert [block for block in found if block["type"] != "text"] == list(blocks)


async def test_urls_are_left_to_a_messages_api(api, simulator):
    url = "https://img.example.com/a.png"
    named = {"type": "image", "source": {"type": "url", "url": url}}
    part = {"type": "image_url", "image_url": {"url": url}}

    assert named in await reached(api, simulator, asking(named))
    assert named in await reached(api, simulator, asking(part), "/v1/chat/completions")


async def test_files_of_chat_completions_are_native_blocks_to_a_messages_api(api, simulator):
    parts, blocks = zip(*PARTS, strict=True)
    found = await reached(api, simulator, asking(*parts), "/v1/chat/completions")

    assert [block for block in found if block["type"] != "text"] == list(blocks)

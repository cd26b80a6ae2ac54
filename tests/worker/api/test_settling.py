"""URLs in requests: refused, fetched, or left to the provider."""

import base64

import msgspec
import pytest

from tests.worker.api.test_requests import asking, image
from tests.worker.api.web import PNG, serving_web
from tests.worker.rig import Scripted, serving

DATA = base64.b64encode(PNG).decode()
FETCHED = {"type": "base64", "media_type": "image/png", "data": DATA}


@pytest.fixture
async def site():
    async with serving_web() as site:
        yield site


def allowing(site, **more):
    """Settings that allow a worker to fetch from loopback."""
    images = {
        "allow": ["localhost"],
        "allow_http": True,
        "allow_private_ranges": ["127.0.0.0/8", "::1/128"],
        "ports": [site.port],
    }
    return {"images": images | more}


async def test_what_is_named_by_url_reaches_the_engine_as_what_it_is(engine, site):
    url = site.url("localhost", "/png")
    kept = {"type": "tool_use", "id": "t", "name": "see", "input": image(type="url", url=url)}
    blocks = [
        image(type="url", url=url) | {"cache_control": {"type": "ephemeral"}},
        {"type": "tool_result", "tool_use_id": "t", "content": [image(type="url", url=url)]},
        {
            "type": "document",
            "source": {"type": "content", "content": [image(type="url", url=url)]},
        },
        kept,
    ]
    async with serving(engine, **allowing(site)) as worker, worker.post(asking(*blocks)) as answer:
        assert answer.status == 200, await answer.text()
    (turn,) = engine.turns
    first, second, third, fourth = turn.request["messages"][0]["content"]

    assert first == image(**FETCHED) | {"cache_control": {"type": "ephemeral"}}
    assert second["content"] == third["source"]["content"] == [image(**FETCHED)]
    assert fourth == kept
    assert msgspec.json.decode(turn.raw) == turn.request
    assert len(site.requests) == 1


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_both_dialects_refuse_urls_unless_they_are_allowed(worker, engine, site, path):
    url = site.url("localhost", "/png")
    part = {"type": "image_url", "image_url": {"url": url}}
    block = part if "chat" in path else image(type="url", url=url)
    async with worker.post(asking(block), path=path) as answer:
        told = await answer.json()

    assert answer.status == 400
    assert "by URL" in told["error"]["message"]
    assert (engine.turns, site.requests) == ([], [])


async def test_chat_completions_have_their_urls_fetched_too(engine, site):
    parts = [
        {"type": "image_url", "image_url": {"url": site.url("localhost", "/png")}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,d29yZHM="}},
    ]
    async with serving(engine, **allowing(site)) as worker:
        async with worker.post(asking(*parts), path="/v1/chat/completions") as answer:
            await answer.read()
    (turn,) = engine.turns

    assert turn.request["messages"][0]["content"] == [
        image(**FETCHED),
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "words"},
        },
    ]


async def test_what_cannot_be_fetched_is_the_clients_error(engine, site):
    body = asking(image(type="url", url=site.url("localhost", "/status/404")))
    async with serving(engine, **allowing(site)) as worker, worker.post(body) as answer:
        assert answer.status == 400
        assert answer.headers["x-headgate-verdict"] == "client_error"

    assert engine.turns == []


async def test_a_messages_api_fetches_for_itself(site):
    engine = Scripted(name="api")
    body = asking(image(type="url", url=site.url("localhost", "/png")))
    async with serving(engine, **allowing(site)) as worker, worker.post(body) as answer:
        assert answer.status == 200

    assert [turn.raw for turn in engine.turns] == [body]
    assert not site.requests

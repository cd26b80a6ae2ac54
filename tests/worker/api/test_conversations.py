"""Sessions as the OpenAI SDK sees them."""

import openai
import pytest

from tests.worker.rig import ASK

KEY = "a" * 32
MINE = {"x-headgate-client": "alice", "x-headgate-session": KEY}


@pytest.fixture
async def sdk(worker):
    url = f"{worker.url}/v1"
    async with openai.AsyncOpenAI(
        base_url=url, api_key="x", default_headers=MINE, max_retries=0
    ) as made:
        yield made


@pytest.fixture(autouse=True)
async def _kept(worker):
    """One turn: hi, hello."""
    async with worker.post(ASK | {"stream": True}, headers=MINE) as answer:
        await answer.read()


async def test_a_conversation_is_what_the_sdk_takes_for_one(sdk):
    found = await sdk.conversations.retrieve(KEY)

    assert (found.id, found.object, found.metadata) == (KEY, "conversation", {})
    assert found.created_at > 1_700_000_000


async def test_its_items_come_a_page_at_a_time_in_either_order(sdk):
    newest = [item async for item in sdk.conversations.items.list(KEY, limit=1)]
    oldest = [item async for item in sdk.conversations.items.list(KEY, order="asc")]

    assert [(item.type, item.role, item.content[0].text) for item in oldest] == [
        ("message", "user", "hi"),
        ("message", "assistant", "hello"),
    ]
    assert newest == oldest[::-1]


async def test_one_item_is_found_by_its_id(sdk):
    (_, wanted) = [item async for item in sdk.conversations.items.list(KEY)]

    assert await sdk.conversations.items.retrieve(wanted.id, conversation_id=KEY) == wanted
    with pytest.raises(openai.NotFoundError):
        await sdk.conversations.items.retrieve("msg_no", conversation_id=KEY)


async def test_what_is_deleted_is_gone(sdk, engine):
    deleted = await sdk.conversations.delete(KEY)
    with pytest.raises(openai.NotFoundError) as gone:
        await sdk.conversations.retrieve(KEY)

    assert (deleted.id, deleted.deleted, deleted.object) == (KEY, True, "conversation.deleted")
    assert gone.value.body["message"] == "no such session"
    assert engine.forgotten == [("alice", KEY)]


async def test_a_client_lists_its_own(worker):
    async with worker.get("/v1/conversations", headers=MINE) as answer:
        mine = await answer.json()
    async with worker.get("/v1/conversations") as answer:
        others = await answer.json()

    assert [entry["id"] for entry in mine["data"]] == [KEY]
    assert others["data"] == []


async def test_an_order_that_is_none_is_refused(sdk):
    with pytest.raises(openai.BadRequestError):
        await sdk.conversations.items.list(KEY, order="odd")

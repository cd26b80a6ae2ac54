"""The list of models, in both dialects at once."""

import asyncio

import anthropic
import openai
import pytest

from tests.worker.rig import Scripted, serving
from worker.api.models import Catalogue
from worker.core.verdict import Kind, Verdict
from worker.engines.base import Model, TurnFailedError

FAILED = TurnFailedError(Verdict(Kind.WORKER_ERROR), 502, "api_error", "no")


async def test_models_are_listed_on_one_page(worker):
    async with worker.get("/v1/models?limit=1000") as answer:
        page = await answer.json()

    assert [model["id"] for model in page["data"]] == ["claude-x", "claude-y"]
    assert (page["object"], page["has_more"]) == ("list", False)
    assert (page["first_id"], page["last_id"]) == ("claude-x", "claude-y")


async def test_one_model_is_told_in_full(worker):
    async with worker.get("/v1/models/claude-y") as answer:
        model = await answer.json()

    assert model == {
        "type": "model",
        "id": "claude-y",
        "display_name": "Claude Y",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "object": "model",
        "created": 0,
        "owned_by": "anthropic",
    }


class Dated(Scripted):
    async def models(self):
        return [Model("claude-sonnet-5-5-20260901", "Sonnet", "2026-09-01T00:00:00Z")]


@pytest.mark.parametrize(
    "name",
    ["sonnet", "claude-sonnet-5-5", "claude-sonnet-5-5-20260901", "claude-sonnet-5-5-latest"],
)
async def test_both_sdks_find_a_model_by_any_of_its_names(name):
    strict = {"max_retries": 0, "_strict_response_validation": True, "api_key": "x"}
    async with (
        serving(Dated()) as worker,
        anthropic.AsyncAnthropic(base_url=worker.url, **strict) as one,
        openai.AsyncOpenAI(base_url=f"{worker.url}/v1", **strict) as other,
    ):
        found, same = await one.models.retrieve(name), await other.models.retrieve(name)
        listed = [model.id async for model in one.models.list()]
        listed += [model.id async for model in other.models.list()]

    assert found.id == same.id == "claude-sonnet-5-5-20260901"
    assert (found.type, same.object) == ("model", "model")
    assert same.created == found.created_at.timestamp() == 1788220800
    assert listed == [found.id, found.id]


async def test_both_sdks_are_told_that_there_is_no_such_model(worker):
    async with (
        anthropic.AsyncAnthropic(base_url=worker.url, api_key="x", max_retries=0) as one,
        openai.AsyncOpenAI(base_url=f"{worker.url}/v1", api_key="x", max_retries=0) as other,
    ):
        with pytest.raises(anthropic.NotFoundError) as told:
            await one.models.retrieve("claude-z")
        with pytest.raises(openai.NotFoundError) as same:
            await other.models.retrieve("claude-z")

    assert told.value.body["error"]["type"] == "not_found_error"
    assert same.value.code == "model_not_found"


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Shelf:
    """A provider's list, asked for by hand."""

    def __init__(self):
        self.asked = 0
        self.open = asyncio.Event()
        self.failure = None

    async def __call__(self):
        self.asked += 1
        await self.open.wait()
        if self.failure:
            raise self.failure
        return [Model(f"m-{self.asked}", "M")]


async def test_a_list_is_asked_for_once_and_anew_when_it_is_old():
    shelf, clock = Shelf(), Clock()
    catalogue = Catalogue(shelf, clock)
    async with asyncio.TaskGroup() as group:
        both = [group.create_task(catalogue.models()) for _ in range(2)]
        shelf.open.set()
    clock.now = 299
    young = await catalogue.models()
    clock.now = 301
    old = await catalogue.models()

    assert [task.result() for task in both] == [young, young]
    assert [model.id for model in (*young, *old)] == ["m-1", "m-2"]


async def test_an_old_list_is_better_than_none():
    shelf, clock = Shelf(), Clock()
    shelf.open.set()
    catalogue = Catalogue(shelf, clock)
    shelf.failure = FAILED
    with pytest.raises(TurnFailedError):
        await catalogue.models()
    shelf.failure = None
    first = await catalogue.models()
    clock.now, shelf.failure = 400, FAILED

    assert await catalogue.models() == first

"""The list of models."""


async def test_models_are_listed_on_one_page(worker):
    async with worker.get("/v1/models?limit=1000") as answer:
        page = await answer.json()

    assert [model["id"] for model in page["data"]] == ["claude-x", "claude-y"]
    assert page["has_more"] is False
    assert (page["first_id"], page["last_id"]) == ("claude-x", "claude-y")


async def test_one_model_is_told_in_full(worker):
    async with worker.get("/v1/models/claude-y") as answer:
        model = await answer.json()

    assert model == {
        "type": "model",
        "id": "claude-y",
        "display_name": "Claude Y",
        "created_at": "1970-01-01T00:00:00Z",
    }

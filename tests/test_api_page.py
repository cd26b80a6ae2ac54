"""What docs/api.md shows works, and its answers look as they do there."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from proxy.config import load
from tests.e2e.rig import KEY, plain, team
from tests.simulator_rig import Simulator

PAGE = (Path(__file__).parents[1] / "docs" / "api.md").read_text()
MODEL = "claude-haiku-4-5"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def shape(value):
    """The keys of an object, all the way down, and the types of the rest."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return float if isinstance(value, int | float) else type(value)


@pytest.fixture
async def fleet(tmp_path):
    client = {"name": "nightly", "key": KEY, "priority": "batch"}
    client["limits"] = {"requests_per_minute": 600}
    async with Simulator() as simulator:
        accounts = [plain(name, simulator, concurrency=2) for name in ("ann", "ben")]
        async with team(tmp_path, accounts, simulator, clients=[client]) as fleet:
            yield fleet


async def test_its_batch_loop_gets_every_answer(fleet):
    names = {}
    exec(blocks("python")[0], names)  # noqa: S102 (our own page)
    bodies = [
        {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": f"say: {n}"}]}
        for n in range(12)
    ]
    async with asyncio.timeout(60):
        answers = await names["run"](fleet.url, KEY, bodies, "haiku")

    said = {answer["content"][0]["text"] for answer in answers}
    assert len(answers) == 12
    assert len(said) == 12
    assert all(line["status"] == 200 for line in fleet.access_lines)


async def test_capacity_looks_as_it_says(fleet):
    async with fleet.http.get(f"{fleet.url}/v1/capacity") as answer:
        told = await answer.json()
    shown = json.loads(blocks("json")[0])

    assert set(told["models"]) == {"opus", "sonnet", "haiku", "fable", "other"}
    told["models"] = {"opus": told["models"]["opus"]}
    assert shape(told) == shape(shown)


def test_its_prices_are_a_configuration(tmp_path):
    file = tmp_path / "headgate.yaml"
    file.write_text(blocks("yaml")[0] + "accounts: [{name: a, login: oauth}]")

    assert load(file).prices["opus"].cache_write == 6.25

"""Every client does what docs/compatibility.md says: with a worker alone, and through the proxy."""

import asyncio
import base64
import json
import os
import shutil
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e import compatibility
from tests.e2e.programs import run
from tests.e2e.rig import (
    CLI,
    KEY,
    MODEL,
    PIXEL,
    ROOT,
    api_engine,
    cli_engine,
    environment,
    served_by,
    team,
    worker,
)
from tests.simulator_rig import Simulator

pytestmark = [
    pytest.mark.cli,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
]

SCRIPTS = Path(__file__).parents[1] / "clients"
COMPAT = ROOT / ".venv/compat"
CLIENTS = {
    "Anthropic SDK, Python": ("anthropic_py.py",),
    "Anthropic SDK, Python, oldest": ("anthropic_py.py",),
    "Anthropic SDK, TypeScript": ("anthropic.mjs",),
    "OpenAI SDK, Python": ("openai_py.py",),
    "OpenAI SDK, TypeScript": ("openai.mjs",),
    "LangChain, Anthropic": ("chain.py", "anthropic"),
    "LangChain, OpenAI": ("chain.py", "openai"),
    "LiteLLM, Anthropic": ("lite.py", "anthropic"),
    "LiteLLM, OpenAI": ("lite.py", "openai"),
    "Claude Code": ("claude_code.py",),
}
FOLDERS = {
    "Anthropic SDK, Python, oldest": "anthropic-0",
    "LiteLLM, Anthropic": "litellm",
    "LiteLLM, OpenAI": "litellm",
}
WORDS = "one two three four five"
RIGHT = {
    "answer": ([WORDS, "end_turn", 5], [WORDS, "stop", 5]),
    "stream": ([WORDS, True, 5],),
    "tools": ("The tool answered: a heron at the lake / a heron at the shore",),
    "image": (f"I see image image/png of {len(PIXEL)} bytes.",),
    "429": (429,),
    "400": (400,),
    "broken stream": ("raised",),
    "count tokens": (True,),
    "models": (True,),
    "responses": ([WORDS, True, 5],),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ways(tmp_path_factory):
    """A worker that asks a Messages API, and the proxy before one that drives the CLI."""
    folder = tmp_path_factory.mktemp("ways")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        simulator = await enter(Simulator())
        alone = await enter(worker("ann", api_engine("ann", simulator), folder, token=None))
        driven = await enter(worker("bob", cli_engine("bob", simulator, folder), folder))
        fleet = await enter(team(folder, [served_by("bob", driven)], simulator))
        yield {"worker": alone.url, "proxy": fleet.url}


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_does_what_the_page_says(client, ways, tmp_path):
    told = await play(client, ways, tmp_path)
    wrong = [line for line in told if line["saw"] not in RIGHT[line["feature"]]]
    seen = {line["feature"] for line in told}

    assert not wrong
    assert len(told) == len(seen) * len(ways)
    row = compatibility.row(client, told[0]["version"], seen)
    if os.environ.get("HEADGATE_WRITE_COMPATIBILITY"):
        compatibility.write(client, row)
    assert compatibility.rows().get(client) == row, "the page is out of date: make compatibility"


async def test_the_page_speaks_of_no_other_client():
    assert set(compatibility.rows()) == set(CLIENTS)


async def play(client, ways, folder):
    """Run the script of a client; what it told, line by line."""
    script, *arguments = CLIENTS[client]
    env = environment(
        HOME=str(folder),
        HEADGATE_CLAUDE=str(CLI),
        HEADGATE_KEY=KEY,
        HEADGATE_MODEL=MODEL,
        HEADGATE_PIXEL=base64.b64encode(PIXEL).decode(),
        HEADGATE_WAYS=json.dumps(ways),
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        PYTHONPATH=str(COMPAT / FOLDERS[client]) if client in FOLDERS else "",
    )
    command, file = sys.executable, SCRIPTS / script
    if file.suffix == ".mjs":
        if not (COMPAT / "node/node_modules").is_dir():
            pytest.skip("needs node and npm")
        command, file = "node", folder / "clients" / script
        await asyncio.to_thread(shutil.copytree, SCRIPTS, file.parent)
        (folder / "node_modules").symlink_to(COMPAT / "node/node_modules")
    out = await run(command, str(file), *arguments, env=env, cwd=folder)
    return [json.loads(line) for line in out.splitlines() if line.startswith('{"version"')]

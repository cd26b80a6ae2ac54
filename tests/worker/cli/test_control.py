import pytest

from tests.worker.cli.stand_in import FORGETFUL, OBEDIENT, STUBBORN, launch
from worker.cli.control import Dialogue, RefusedError
from worker.cli.process import CliProcess
from worker.core.history import Utterance
from worker.core.records import Result, System
from worker.core.tools import Toolbox

ASKING = """
import json, sys
def say(**record):
    print(json.dumps(record), flush=True)
request = {"subtype": "mcp_message", "message": {"method": "tools/list", "id": 1}}
say(type="control_request", request_id="q", request=request)
answer = json.loads(sys.stdin.readline())
tools = answer["response"]["response"]["mcp_response"]["result"]["tools"]
say(type="result", result=tools[0]["name"])
"""


def said(role: str, words: str) -> Utterance:
    return Utterance(role, [{"type": "text", "text": words}])


@pytest.fixture
async def start(tmp_path):
    started = []

    async def starter(script: str, tools: Toolbox) -> Dialogue:
        started.append(await CliProcess.start(launch(tmp_path, script)))
        return Dialogue(started[-1], tools)

    yield starter
    for process in started:
        process.kill()
        await process.gone()


async def test_a_question_is_answered_after_the_past_was_told(start):
    dialogue = await start(OBEDIENT, Toolbox())
    past = [said("user", "a"), said("assistant", "b"), said("user", "c"), said("assistant", "d")]
    await dialogue.open(["Be brief."], past)

    await dialogue.ask(said("user", "next"), {"model": "x"})
    assert not dialogue.begun
    assert await dialogue.hear(5) == System("init")
    assert dialogue.begun


async def test_what_the_process_asks_is_answered_on_the_way(start):
    dialogue = await start(ASKING, Toolbox([{"name": "look"}]))

    assert await dialogue.hear(5) == Result(result="look")


@pytest.mark.parametrize("script", [STUBBORN, FORGETFUL])
async def test_a_process_that_refuses_is_not_asked(start, script):
    dialogue = await start(script, Toolbox())

    with pytest.raises(RefusedError):
        await dialogue.open([], [said("user", "a"), said("assistant", "b")])
    assert not dialogue.begun

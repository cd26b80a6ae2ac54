import asyncio
import time

import pytest

from tests.worker.cli.stand_in import OBEDIENT, STUBBORN, launch
from worker.cli.answering import Question, answering
from worker.cli.pool import Hold
from worker.cli.process import CliProcess
from worker.config import CliSettings
from worker.core.frames import Answer
from worker.core.history import conversation_of
from worker.core.prompt import Prompt, RawMessage
from worker.core.tools import Toolbox
from worker.core.verdict import Kind, Verdict


def question(words: str) -> Question:
    prompt = Prompt("claude-x", [RawMessage("user", words)])
    return Question(prompt, conversation_of("alice", prompt))


@pytest.fixture
async def ask(tmp_path):
    started = []

    async def asking(words: str, script: str = OBEDIENT) -> tuple[Answer, list[str]]:
        settings = CliSettings(
            home=tmp_path, config_dir=tmp_path, timeouts={"first_event": 0.3, "stall": 0.3}
        )
        started.append(await CliProcess.start(launch(tmp_path, script)))
        answer = Answer(Toolbox())
        hold = Hold(started[-1], fresh=True, owner=("", ""))
        names = [
            frame.name
            async for frames in answering(hold, question(words), answer, settings, time.time)
            for frame in frames
        ]
        return answer, names

    yield asking
    for process in started:
        process.kill()
        await process.gone()


async def test_an_answer_is_given_to_its_end_and_the_process_stays(ask):
    answer, names = await ask("hello")

    assert names[-1] == "message_stop"
    assert answer.reusable


@pytest.mark.parametrize(
    ("words", "script", "verdict"),
    [
        ("hush", OBEDIENT, Verdict(Kind.TIMEOUT, started=True)),
        ("die", OBEDIENT, Verdict(Kind.WORKER_ERROR, started=True)),
        ("babble", OBEDIENT, Verdict(Kind.WORKER_ERROR, started=True)),
        # It got the question behind what it refused, and may ask the provider for all we know.
        ("hello", STUBBORN, Verdict(Kind.WORKER_ERROR, started=True)),
        # Nothing was asked of the provider.
        ("hello", "raise SystemExit", Verdict(Kind.WORKER_ERROR)),
    ],
)
async def test_a_process_that_fails_fails_the_answer(ask, words, script, verdict):
    async with asyncio.timeout(5):
        answer, names = await ask(words, script)

    assert names == []
    assert answer.failure.verdict == verdict

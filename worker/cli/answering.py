"""One turn with one process, from the question to the end of its answer."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from dataclasses import dataclass

from msgspec import DecodeError

from worker.cli.control import Dialogue, RefusedError
from worker.cli.pool import Hold
from worker.cli.process import ProcessGoneError
from worker.config import CliSettings, CliTimeouts
from worker.core.failure import broken, timed_out
from worker.core.frames import Answer, Frame
from worker.core.history import Conversation
from worker.core.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Question:
    """A request, and the conversation it goes on with."""

    prompt: Prompt
    conversation: Conversation


async def answering(
    hold: Hold,
    question: Question,
    answer: Answer,
    settings: CliSettings,
    clock: Callable[[], float],
) -> AsyncGenerator[Collection[Frame], None]:
    """Feed the answer until it is done, and give the frames on the way.

    A process that is silent too long, dies or refuses ends the answer with a failure.
    """
    dialogue = Dialogue(hold.process, answer.tools)
    stage = "starting the CLI"
    try:
        async with asyncio.timeout(settings.timeouts.start):
            if hold.fresh:
                system, past = question.prompt.system_texts(), question.conversation.past
                await dialogue.open(system, past, append=settings.profile == "agent")
            flags = question.prompt.settings(settings.models)
            await dialogue.ask(question.conversation.last, flags)
        while True:
            stage, deadline = _stage(answer, settings.timeouts)
            frames = answer.feed(await dialogue.hear(deadline), clock())
            if answer.done:
                break
            yield frames
        if not answer.reusable:
            hold.process.kill()
        yield frames
    except TimeoutError:
        yield answer.cut_short(timed_out(stage, started=dialogue.begun))
    except (ProcessGoneError, RefusedError, DecodeError):
        failure = broken("The CLI ended, refused, or made no sense.", started=dialogue.begun)
        yield answer.cut_short(failure)


def _stage(answer: Answer, timeouts: CliTimeouts) -> tuple[str, float]:
    """What is waited for now, and how long."""
    if answer.works:
        return "a tool of the CLI ran too long", timeouts.step
    if answer.begun:
        return "the stream stalled", timeouts.stall
    return "no first event", timeouts.first_event

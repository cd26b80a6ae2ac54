"""One turn with one process, from the question to the end of its answer."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from dataclasses import dataclass

from msgspec import DecodeError

from worker.cli.control import Dialogue, RefusedError
from worker.cli.pool import Hold
from worker.cli.process import ProcessGoneError
from worker.config import CliSettings
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
                past = question.conversation.past
                await dialogue.open(question.prompt.system_texts(), past)
            flags = question.prompt.settings(settings.models)
            await dialogue.ask(question.conversation.last, flags)
        while True:
            stage = "the stream stalled" if answer.begun else "no first event"
            deadline = settings.timeouts.stall if answer.begun else settings.timeouts.first_event
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

"""The engine that drives the real `claude` CLI: one process a live conversation."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    aclosing,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import replace
from pathlib import Path
from typing import Final

from worker.cli.answering import Question, answering
from worker.cli.command import launch_of
from worker.cli.lock import locked
from worker.cli.login import LoginWatch
from worker.cli.pool import Hold, PoolLimits, ProcessPool
from worker.cli.selftest import Survey, survey
from worker.cli.workspaces import Workspaces
from worker.config import CliSettings
from worker.core.argv import pinned
from worker.core.estimate import estimated_tokens
from worker.core.frames import Answer
from worker.core.history import Conversation, conversation_of
from worker.core.message import assemble
from worker.core.prompt import Prompt, decode_prompt
from worker.core.soundness import check
from worker.core.standing import Standing
from worker.core.state import EngineState, Limit, Login, Processes, Slots
from worker.core.stitch import Stitch
from worker.core.verdict import Kind, Verdict
from worker.engines.base import Event, Model, TokenCount, Turn, TurnFailedError
from worker.errors import UnavailableError

_UNASKED: Final = Verdict(Kind.WORKER_ERROR)
"""The process failed, and the provider surely heard nothing of the turn."""


class CliEngine:
    """Serves a turn by the process that remembers its conversation, or by a fresh one."""

    name = "cli"

    def __init__(self, settings: CliSettings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._works = settings.profile != "plain"
        self._stack = AsyncExitStack()
        self._standing = Standing()
        self._survey = Survey()
        self._login: LoginWatch | None = None
        self._pool: ProcessPool | None = None
        self._workspaces: Workspaces | None = None

    async def start(self) -> None:
        for folder in {self._settings.home, self._settings.config_dir}:
            self._stack.enter_context(locked(folder.absolute()))
        launch = launch_of(self._settings)
        patience, trial = self._settings.timeouts.start, self._settings.selftest
        self._survey = await survey(launch, patience, trial=trial)
        models = [model.id for model in self._survey.models]
        launch = replace(launch, environment=pinned(launch.environment, models))
        self._login = await self._stack.enter_async_context(
            LoginWatch(launch, self._settings.config_dir / ".credentials.json", self._clock)
        )
        if self._settings.profile == "agent":
            self._workspaces = await self._stack.enter_async_context(_workspaces(self._settings))
        self._pool = await self._stack.enter_async_context(
            ProcessPool(launch, _limits(self._settings))
        )

    async def stop(self) -> None:
        self._pool = None
        await self._stack.aclose()

    @asynccontextmanager
    async def turn(self, turn: Turn) -> AsyncIterator[AsyncIterator[Event]]:
        if self._pool is None:
            raise UnavailableError("this worker is not running")
        prompt = decode_prompt(turn.raw)
        with self._place(turn) as place:
            conversation = conversation_of(turn.client, prompt, place.name if place else "")
            check(conversation)
            self._survey.require(*_needs(prompt, conversation))
            owner = (turn.client, turn.session)
            async with (
                self._pool.hold(conversation.memory, owner, place) as hold,
                aclosing(self._events(hold, Question(prompt, conversation), turn)) as events,
            ):
                yield events

    async def message(self, turn: Turn) -> bytes:
        async with self.turn(turn) as events:
            return assemble([event.data async for event in events])

    async def count_tokens(self, turn: Turn) -> TokenCount:
        return TokenCount(estimated_tokens(decode_prompt(turn.raw)), estimated=True)

    async def models(self) -> Sequence[Model]:
        mapped = self._settings.models
        offered = [model for model in self._survey.models if model.id not in mapped]
        return [*(Model(name, name) for name in mapped), *offered]

    def forget(self, client: str, session: str) -> None:
        if self._pool:
            self._pool.forget((client, session))
        if self._workspaces:
            self._workspaces.forget(client, session)

    def state(self) -> EngineState:
        limit = self._standing.limit_at(self._clock())
        login = self._login_now(limit)
        processes = self._pool.counts() if self._pool else Processes()
        reason = "starting" if self._pool is None else None if login.ok else "auth"
        return EngineState(
            ready=reason is None,
            reason=reason,
            login=login,
            slots=Slots(self._settings.max_processes, processes.busy),
            live=self._pool.owners if self._pool else (),
            windows=self._standing.windows,
            limit=None if limit and limit.kind is Kind.AUTH else limit,
            versions={"cli": self._survey.version},
            features=self._survey.features,
            profile=self._settings.profile,
            processes=processes,
        )

    def _login_now(self, limit: Limit | None) -> Login:
        """The login as the CLI tells it, unless the provider refused it after its last change."""
        if self._login is None:
            return Login(ok=False)
        barred = limit is not None and limit.kind is Kind.AUTH
        refused = barred and self._standing.limited_at >= self._login.renewed_at
        login = self._login.login
        return replace(login, ok=login.works_at(self._clock()) and not refused)

    def _place(self, turn: Turn) -> AbstractContextManager[Path | None]:
        """Where the turn works, if that is a folder of its conversation's own."""
        if self._workspaces is None:
            return nullcontext()
        return self._workspaces.entered(turn.client, turn.session)

    async def _events(
        self, hold: Hold, question: Question, turn: Turn
    ) -> AsyncGenerator[Event, None]:
        """The turn's events; that a process ended while it rested is not the turn's end."""
        while True:
            answer = self._answer(question, turn)
            async with aclosing(self._run(hold, question, answer, turn.model)) as events:
                try:
                    async for event in events:
                        yield event
                finally:
                    if answer.failure or not answer.done:
                        turn.partial(answer.message)
            if (failure := answer.failure) is None:
                return
            if hold.fresh or failure.verdict != _UNASKED or self._pool is None:
                raise TurnFailedError(
                    failure.verdict, failure.status, failure.kind, failure.message
                )
            await self._pool.renew(hold)

    def _answer(self, question: Question, turn: Turn) -> Answer:
        tools = question.prompt.toolbox()
        return Answer(tools, Stitch(tools, include=turn.steps) if self._works else None)

    async def _run(
        self, hold: Hold, question: Question, answer: Answer, model: str
    ) -> AsyncGenerator[Event, None]:
        begun = self._clock()
        run = answering(hold, question, answer, self._settings, self._clock)
        async with aclosing(run) as steps:
            async for frames in steps:
                if answer.done:
                    self._learn(answer, model, begun)
                if answer.reusable:
                    hold.memory = question.conversation.continued(answer.content)
                for frame in frames:
                    yield Event(*frame, begins=self._works)

    def _learn(self, answer: Answer, model: str, begun: float) -> None:
        """Keep what a turn told of the account."""
        if answer.windows:
            self._standing = replace(self._standing, windows=answer.windows)
        if answer.failure is None:
            self._standing = self._standing.served(model, begun)
            return
        self._standing = self._standing.failed(answer.failure.verdict, model, self._clock())
        if answer.failure.verdict.kind is Kind.AUTH and self._login:
            self._login.doubt()


def _limits(settings: CliSettings) -> PoolLimits:
    return PoolLimits(
        warm=0 if settings.profile == "agent" else settings.warm,
        most=settings.max_processes,
        idle_ttl=settings.idle_ttl,
        max_age=settings.max_age,
        patience=settings.timeouts.start,
        memory=settings.max_memory,
    )


def _workspaces(settings: CliSettings) -> Workspaces:
    agent = settings.agent
    root = agent.workspaces or settings.home / "workspaces"
    return Workspaces(root.absolute(), None if agent.keep else agent.workspace_ttl)


def _needs(prompt: Prompt, conversation: Conversation) -> Iterator[str]:
    """The features without which this request would be answered as if it asked for less."""
    if prompt.tools:
        yield "client_tools"
    if conversation.past:
        yield "history"
    if prompt.output_config and "effort" in prompt.output_config:
        yield "effort"

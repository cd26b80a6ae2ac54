"""The talk with one process: its opening, its memory, the question, its records."""

from collections.abc import Mapping, Sequence

from worker.cli.process import CliProcess
from worker.core import lines
from worker.core.history import Utterance, cli_blocks
from worker.core.records import ControlRequest, ControlResponse, Record, Result
from worker.core.tools import Toolbox


class RefusedError(Exception):
    """The process did not take what we told it."""


class Dialogue:
    """`begun` says whether the provider may have got the question.

    A process says something of its own before it asks the provider. One that refuses to be told
    what stands before the question may yet ask it.
    """

    def __init__(self, process: CliProcess, tools: Toolbox) -> None:
        self._process = process
        self._tools = tools
        self.begun = False
        self._asked = False

    async def open(
        self, system: Sequence[str], past: Sequence[Utterance], *, append: bool = False
    ) -> None:
        """Give a fresh process its prompt and its past, turn by turn: it takes no two at once."""
        await self._process.write(lines.initialize(system, self._tools, append=append))
        for said in past:
            if said.role == "assistant":
                await self._process.write(lines.assistant(cli_blocks(said)))
                continue
            await self._process.write(lines.user(cli_blocks(said), query=False))
            while not isinstance(noted := await self.hear(), Result):
                pass
            if noted.is_error:
                raise RefusedError(noted.result)

    async def ask(self, question: Utterance, settings: Mapping[str, object]) -> None:
        """Ask what is to be answered."""
        self._asked = True
        question_line = lines.user(cli_blocks(question), query=True)
        await self._process.write(lines.flag_settings(settings), question_line)

    async def hear(self, within: float | None = None) -> Record:
        """The next record that says something; what the process asks is answered on the way."""
        while True:
            record = await self._process.read(within)
            match record:
                case ControlRequest():
                    await self._process.write(lines.reply(record, self._tools))
                case ControlResponse():
                    if record.response.subtype == "error":
                        self.begun = self._asked
                        raise RefusedError(record.response.error)
                case _:
                    self.begun = self._asked
                    return record

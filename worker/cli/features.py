"""What this CLI can do, tried out on a provider of our own: nothing of it is promised to us."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import msgspec

from worker.cli.control import Dialogue, RefusedError
from worker.cli.fake import fake_provider
from worker.cli.process import CliProcess, Launch, ProcessGoneError
from worker.core.argv import arguments, environment
from worker.core.history import Utterance
from worker.core.message import Block
from worker.core.profile import Profile
from worker.core.prompt import Prompt, RawMessage
from worker.core.records import RateLimit, Record, Result, StreamEvent
from worker.core.tools import Toolbox, cli_name

NEEDED: Final = ("partial_messages", "settings", "literal_text")
"""Without these there is no answer, or none that can be trusted."""
FEATURES: Final = (*NEEDED, "client_tools", "history", "effort", "limit_notices")

_PROBE: Final[Block] = {
    "name": "probe",
    "description": "Probe.",
    "input_schema": {"type": "object"},
}
_PAST: Final = ("an earlier question", "an earlier answer")
_QUESTION: Final = "/cost"
"""What a CLI would run as a command if it took text for one."""
_PROMPT: Final = Prompt(
    model="claude-sonnet-5-5",
    messages=[RawMessage("user", _QUESTION)],
    max_tokens=321,
    tools=[_PROBE],
    temperature=0.25,
    output_config={"effort": "low"},
)


async def features(launch: Launch, patience: float) -> Mapping[str, bool]:
    """Which of `FEATURES` are there, by one turn of a process with folders of its own."""
    home = Path(mkdtemp(prefix="selftest-", dir=launch.scratch))
    try:
        async with fake_provider() as provider:
            login = {"ANTHROPIC_BASE_URL": provider.url, "CLAUDE_CODE_OAUTH_TOKEN": "selftest"}
            profile = Profile()
            trial = replace(
                launch,
                arguments=arguments(profile),
                environment=environment(login, home, home, patience, profile),
                directory=home,
                sessions=home / "sessions",
                works=False,
            )
            records = await _turn(trial, patience)
            return _judged(records, provider.asked[0] if provider.asked else {})
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def _turn(launch: Launch, patience: float) -> Sequence[Record]:
    """The records of one turn, as far as they come."""
    records: list[Record] = []
    try:
        process = await CliProcess.start(launch)
    except OSError:
        return records
    dialogue = Dialogue(process, Toolbox([_PROBE]))
    past = [
        Utterance(role, [{"type": "text", "text": text}])
        for role, text in zip(("user", "assistant"), _PAST, strict=True)
    ]
    question = Utterance("user", [{"type": "text", "text": _QUESTION}])
    try:
        async with asyncio.timeout(patience):
            await dialogue.open((), past)
            await dialogue.ask(question, _PROMPT.settings({}))
            while not (records and isinstance(records[-1], Result)):
                records.append(await dialogue.hear())
    except (TimeoutError, ProcessGoneError, RefusedError, msgspec.DecodeError):
        pass
    finally:
        process.kill()
        await process.gone()
    return records


def _judged(records: Sequence[Record], asked: Mapping[str, object]) -> Mapping[str, bool]:
    told = msgspec.json.encode(asked.get("messages", [])).decode()
    result = records[-1] if records else None
    return {
        "partial_messages": any(isinstance(record, StreamEvent) for record in records),
        "settings": (asked.get("max_tokens"), asked.get("temperature"))
        == (_PROMPT.max_tokens, _PROMPT.temperature),
        "literal_text": _QUESTION in told,
        "client_tools": _offers_probe(asked)
        and isinstance(result, Result)
        and not result.is_error
        and result.terminal_reason == "tool_deferred",
        "history": all(text in told for text in _PAST),
        "effort": asked.get("output_config") == _PROMPT.output_config,
        "limit_notices": any(isinstance(record, RateLimit) for record in records),
    }


def _offers_probe(asked: Mapping[str, object]) -> bool:
    tools = asked.get("tools")
    names = [tool.get("name") for tool in tools] if isinstance(tools, list) else []
    return names == [cli_name("probe")]

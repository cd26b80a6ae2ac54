"""What CLI this is, and whether it talks as we expect; found out before it is trusted."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import structlog

from worker.cli.command import version
from worker.cli.features import FEATURES, NEEDED, features
from worker.cli.process import CliProcess, Launch, ProcessGoneError
from worker.core import lines
from worker.core.records import ControlResponse
from worker.core.tools import Toolbox
from worker.engines.base import Model
from worker.errors import UnavailableError, WorkerError

_log: Final[structlog.stdlib.BoundLogger] = structlog.get_logger("worker")


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a CLI before its first turn."""

    version: str = ""
    models: Sequence[Model] = ()
    features: Mapping[str, bool] = field(default_factory=dict)

    def require(self, *needed: str) -> None:
        """Raise `UnavailableError` where a request needs what this CLI has not."""
        for name in needed:
            if not self.features.get(name, True):
                raise UnavailableError(f"The claude CLI of this worker lacks {name}.")


async def survey(launch: Launch, patience: float, *, trial: bool) -> Survey:
    """Ask a CLI what it is, and with `trial` try it out; raises `WorkerError` if it is no use."""
    try:
        async with asyncio.TaskGroup() as tasks:
            named = tasks.create_task(version(launch))
            offered = tasks.create_task(offered_models(launch, patience))
            tried = tasks.create_task(features(launch, patience)) if trial else None
    except* WorkerError as errors:
        raise errors.exceptions[0] from None
    found = tried.result() if tried else dict.fromkeys(FEATURES, True)
    missing = [name for name, there in found.items() if not there]
    if missing:
        _log.warning("cli lacks features", version=named.result(), missing=missing)
    if lost := set(missing) & set(NEEDED):
        raise WorkerError(f"the claude CLI fails its self-test: {', '.join(sorted(lost))}")
    return Survey(named.result(), offered.result(), found)


class _Offer(msgspec.Struct, rename="camel"):
    display_name: str = ""
    resolved_model: str | None = None
    value: str = ""


class _Introduction(msgspec.Struct):
    models: list[_Offer] = []


async def offered_models(launch: Launch, patience: float) -> Sequence[Model]:
    """The models of this CLI; raises `WorkerError` if it does not take our opening."""
    try:
        process = await CliProcess.start(launch)
    except OSError as exc:
        raise WorkerError(f"the claude CLI does not start: {exc}") from exc
    try:
        async with asyncio.timeout(patience):
            await process.write(lines.initialize((), Toolbox()))
            offers = await _introduction(process)
    except (TimeoutError, ProcessGoneError, msgspec.DecodeError) as exc:
        told = process.stderr_tail.strip() or "it does not answer"
        raise WorkerError(f"the claude CLI fails its self-test: {told}") from exc
    finally:
        process.end()
        await process.gone()
    names = {offer.resolved_model or offer.value: offer.display_name for offer in offers.models}
    return [Model(name, shown or name) for name, shown in names.items()]


async def _introduction(process: CliProcess) -> _Introduction:
    while True:
        match await process.read():
            case ControlResponse(response=reply) if reply.subtype == "success":
                return msgspec.json.decode(reply.response, type=_Introduction)
            case ControlResponse():
                raise ProcessGoneError
            case _:
                continue

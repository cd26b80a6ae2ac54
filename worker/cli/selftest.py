"""One process, started and asked nothing but what it is: does this CLI talk as we expect?"""

import asyncio
from collections.abc import Sequence

import msgspec

from worker.cli.process import CliProcess, Launch, ProcessGoneError
from worker.core import lines
from worker.core.records import ControlResponse
from worker.core.tools import Toolbox
from worker.engines.base import Model
from worker.errors import WorkerError


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
        raise WorkerError(f"the claude CLI fails its self-test: {process.stderr_tail}") from exc
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

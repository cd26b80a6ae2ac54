"""A proxy and what runs beside it on this machine, started and stopped together."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from proxy.commands.claude import command_of
from proxy.commands.local import Home, LocalWorker, local_worker
from proxy.commands.ports import answers, free_port, settled
from proxy.commands.supervisor import Program, Supervisor
from proxy.config import Address, Login, Settings

_START = 60.0
"""Seconds that workers may take to listen before their absence is told."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What `up` runs: settings in which every account has its address, and the programs."""

    settings: Settings
    workers: Sequence[LocalWorker]
    others: Sequence[Program] = ()

    async def run(self, announce: Callable[[Sequence[str]], None]) -> None:
        """Run it all until SIGTERM or SIGINT; the proxy is the first to stop.

        `announce` is called once the workers listen, with the names of those that do not.
        """
        from proxy.app import run

        supervisor = Supervisor([*self.others, *(worker.program for worker in self.workers)])
        async with supervisor.keep(), asyncio.TaskGroup() as group:
            waiting = group.create_task(self._announce(announce))
            await run(self.settings)
            waiting.cancel()

    async def _announce(self, announce: Callable[[Sequence[str]], None]) -> None:
        addresses = [*map(_address, self.workers), self.settings.listen]
        names = [*(worker.program.name for worker in self.workers), "headgate"]
        found = await asyncio.gather(*(answers(address, _START) for address in addresses))
        announce([name for name, there in zip(names, found, strict=True) if not there])


def make_fleet(settings: Settings, state_dir: Path, others: Sequence[Program] = ()) -> Fleet:
    """Give every login a worker. Raises OSError if an address is taken or the CLI is missing."""
    listen, admin = settled(settings.listen), settled(settings.admin.listen)
    workers = [_worker(login, state_dir) for login in settings.logins]
    ready = replace(
        settings,
        accounts=(*settings.accounts, *(worker.account for worker in workers)),
        logins=(),
        listen=listen,
        admin=replace(settings.admin, listen=admin),
    )
    return Fleet(ready, workers, others)


def _worker(login: Login, state_dir: Path) -> LocalWorker:
    command = command_of(login) if login.engine == "cli" else ""
    return local_worker(login, Home.of(login.name, state_dir), free_port(), command)


def _address(worker: LocalWorker) -> Address:
    return Address.parse(worker.account.url.removeprefix("http://"))

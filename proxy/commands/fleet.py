"""A proxy and what runs beside it on this machine, started and stopped together."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.commands.claude import command_of
from proxy.commands.local import Home, LocalWorker, local_worker
from proxy.commands.ports import answers, free_port, settled
from proxy.commands.supervisor import Program, Supervisor
from proxy.config import Address, Login, Settings
from proxy.core.account import AccountName

if TYPE_CHECKING:
    from proxy.app import App

_START = 60.0
"""Seconds that workers may take to listen before their absence is told."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What `up` runs: settings in which every account has its address, and the programs."""

    settings: Settings
    workers: Sequence[LocalWorker]
    others: Sequence[Program] = ()

    async def run(
        self,
        announce: Callable[[Sequence[str]], None],
        read: Callable[[], Settings] | None = None,
    ) -> None:
        """Run it all until SIGTERM or SIGINT; the proxy is the first to stop.

        `announce` is called once the workers serve, with the names of those that do not. `read`
        reads the settings anew, as far as these workers go.
        """
        from proxy.process import run

        supervisor = Supervisor([*self.others, *(worker.program for worker in self.workers)])
        async with supervisor.keep():
            await run(self.settings, lambda app: self._announce(app, announce), read)

    def adapt(self, settings: Settings, started: Settings) -> Settings:
        """Settings read anew, for the workers that run: other logins wait for a restart."""
        running = {worker.account.name: worker.account for worker in self.workers}
        before = [replace(login, weight=1.0) for login in started.logins]
        waiting = [
            f"accounts: {login.name} has another login; that waits for a restart"
            for login in settings.logins
            if replace(login, weight=1.0) not in before
        ]
        local = (
            replace(running[AccountName(login.name)], weight=login.weight)
            for login in settings.logins
            if login.name in running
        )
        return replace(
            settings,
            accounts=(*settings.accounts, *local),
            logins=(),
            listen=self.settings.listen,
            admin=replace(settings.admin, listen=self.settings.admin.listen),
            warnings=(*settings.warnings, *waiting),
        )

    async def _announce(self, app: "App", announce: Callable[[Sequence[str]], None]) -> None:
        serve = await asyncio.gather(*(_serves(app, worker) for worker in self.workers))
        names = [worker.program.name for worker in self.workers]
        announce([name for name, there in zip(names, serve, strict=True) if not there])


async def _serves(app: "App", worker: LocalWorker) -> bool:
    """Wait until a worker listens and the proxy has found it ready; False if that does not come."""
    if not await answers(_address(worker), _START):
        return False
    app.prober.hint(worker.account.name)
    with suppress(TimeoutError):
        await asyncio.wait_for(app.prober.ready(worker.account.name), _START)
        return True
    return False


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

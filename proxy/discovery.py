"""Finds workers by DNS. A worker's identity is the account that it names, not its address."""

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Never, Protocol, Self

import structlog

from proxy.config import Address, Discovery
from proxy.core.account import NAME, Account, AccountName
from proxy.core.membership import Duplicate, Membership, Sighting, listed, members
from proxy.states import MISSES, States

log = structlog.get_logger(__name__)

Resolve = Callable[[Address], Awaitable[Collection[str]]]
"""Gives the addresses (`host:port`) that a name leads to. Raises OSError where it does not say."""

SLOTS: Final = 6
"""The concurrency of a worker that does not tell how many slots it has."""

_TOO_LONG: Final = 10.0
"""Seconds that a name may take to be resolved."""


async def resolve(name: Address) -> Collection[str]:
    """Ask the system: every A and AAAA record."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(name.host, name.port, type=socket.SOCK_STREAM)
    return {str(Address(str(address[0]), int(address[1]))) for *_, address in found}


class DiscoveryEvents(Protocol):
    """What is told of discovery; `Metrics` satisfies it."""

    def discovered(self, accounts: int, duplicates: int) -> None:
        """How many accounts serve by discovery, and how many addresses are refused."""

    def discovery_failed(self) -> None:
        """The name was not resolved; the old addresses stay."""


class Finder:
    """Resolves, asks every address who it is, and hands the accounts on whenever they change.

    `configured` tells the names that are taken; `serve` is called with the discovered accounts.
    """

    def __init__(
        self,
        configured: Callable[[], Collection[AccountName]],
        serve: Callable[[Sequence[Account]], None],
        events: DiscoveryEvents,
        resolve: Resolve = resolve,
    ) -> None:
        self._configured = configured
        self._serve = serve
        self._events = events
        self._resolve = resolve
        self._settings: Discovery | None = None
        self._replaced = asyncio.Event()
        self._states = States()
        self._seen: dict[str, Sighting] = {}
        self._members = Membership({})
        self._accounts: Sequence[Account] = ()
        self._failing = False

    @property
    def duplicates(self) -> Sequence[Duplicate]:
        """The addresses that are refused because their account is served already."""
        return self._members.duplicates

    async def __aenter__(self) -> Self:
        await self._states.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._states.__aexit__()

    def replace(self, settings: Discovery | None) -> None:
        """Find by these settings from now on, or (None) nobody."""
        if settings != self._settings:
            self._settings = settings
            self._replaced.set()

    async def run(self) -> Never:
        """Look again and again, for ever."""
        while True:
            self._replaced.clear()
            settings = self._settings
            if settings is None:
                self._seen, self._members = {}, Membership({})
                self._hand_on(())
            else:
                await self._look(settings)
            await self._pause(settings)

    async def _look(self, settings: Discovery) -> None:
        addresses = await self._listed(settings.dns)
        if addresses is not None:
            self._seen = listed(self._seen, addresses)
        asked = [self._identify(address, settings) for address in self._seen]
        self._seen = dict(zip(self._seen, await asyncio.gather(*asked), strict=True))
        if settings is self._settings:
            self._settle(settings)

    async def _listed(self, name: Address) -> Collection[str] | None:
        """The addresses there are, None where nobody says."""
        try:
            async with asyncio.timeout(_TOO_LONG):
                addresses = await self._resolve(name)
        except (OSError, TimeoutError, UnicodeError) as error:
            self._events.discovery_failed()
            if not self._failing:
                log.warning("name not resolved", name=str(name), error=str(error))
            self._failing = True
            return None
        self._failing = False
        return addresses

    async def _identify(self, address: str, settings: Discovery) -> Sighting:
        known = self._seen[address]
        try:
            probe = await self._states.ask(f"http://{address}", settings.headers)
        except MISSES:
            return replace(known, silent=known.silent + 1)
        name = AccountName(probe.account) if NAME.fullmatch(probe.account) else None
        slots = 0 if probe.slots is None else probe.slots.max
        return replace(known, account=name, slots=slots, silent=0)

    def _settle(self, settings: Discovery) -> None:
        refused = set(self._members.duplicates)
        self._members = members(self._members, self._seen, self._configured())
        for one in self._members.duplicates:
            if one not in refused:
                log.warning("duplicate worker refused", account=one.account, address=one.address)
        holders = sorted(self._members.holders.items())
        self._hand_on(tuple(self._account(n, address, settings) for n, address in holders))

    def _account(self, name: AccountName, address: str, settings: Discovery) -> Account:
        most = self._seen[address].slots or SLOTS
        return Account(
            name,
            f"http://{address}",
            min(most, settings.concurrency or most),
            settings.weight,
            headers=settings.headers,
        )

    def _hand_on(self, accounts: Sequence[Account]) -> None:
        if accounts != self._accounts:
            log.info("workers found", accounts=[account.name for account in accounts])
            self._accounts = accounts
            self._serve(accounts)
        self._events.discovered(len(accounts), len(self.duplicates))

    async def _pause(self, settings: Discovery | None) -> None:
        wait = None if settings is None else settings.interval * random.uniform(0.8, 1.2)  # noqa: S311 (jitter)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._replaced.wait()

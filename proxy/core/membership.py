"""Which worker serves which account, where workers come and go by their addresses."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from proxy.core.account import AccountName

PATIENCE: Final = 2
"""An address is gone, or silent, once it has been so this often in a row: a flap is neither."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of an address.

    `account` is whom it named last, None before it has answered; `slots` how many turns it runs at
    once, 0 where it does not say. `gone` counts the lists in a row that it was missing from,
    `silent` the questions in a row that it left open.
    """

    account: AccountName | None = None
    slots: int = 0
    gone: int = 0
    silent: int = 0

    @property
    def sound(self) -> bool:
        """It is listed, and it answers."""
        return self.gone == 0 and self.silent == 0

    @property
    def doubtful(self) -> bool:
        """Another that is sound may take its place."""
        return self.gone > 0 or self.silent >= PATIENCE


class Duplicate(msgspec.Struct, frozen=True):
    """An address that names an account which is served already, by `holder`."""

    account: AccountName
    address: str
    holder: str


CONFIGURED: Final = "configuration"
"""The holder of accounts that were not discovered."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The one address of each account, and those that named the same account."""

    holders: Mapping[AccountName, str]
    duplicates: tuple[Duplicate, ...] = ()


def listed(known: Mapping[str, Sighting], addresses: Collection[str]) -> dict[str, Sighting]:
    """Take in a list of addresses; one that was missing from `PATIENCE` of them is forgotten."""
    seen = {a: replace(s, gone=0 if a in addresses else s.gone + 1) for a, s in known.items()}
    kept = {address: sighting for address, sighting in seen.items() if sighting.gone < PATIENCE}
    return kept | {address: Sighting() for address in sorted(addresses) if address not in kept}


def members(
    before: Membership, seen: Mapping[str, Sighting], configured: Collection[AccountName]
) -> Membership:
    """Decide who serves what. Whoever was first stays, unless it is doubtful and another sound."""
    claims: dict[AccountName, list[str]] = {}
    for address, sighting in seen.items():
        if sighting.account is not None:
            claims.setdefault(sighting.account, []).append(address)
    holders = {
        name: _holder(before.holders.get(name), addresses, seen)
        for name, addresses in claims.items()
        if name not in configured
    }
    return Membership(holders, tuple(_duplicates(claims, holders)))


def _holder(first: str | None, addresses: list[str], seen: Mapping[str, Sighting]) -> str:
    others = [address for address in addresses if seen[address].sound]
    if first in addresses and not (seen[first].doubtful and others):
        return first
    return min(others or addresses)


def _duplicates(
    claims: Mapping[AccountName, list[str]], holders: Mapping[AccountName, str]
) -> Iterable[Duplicate]:
    for name, addresses in claims.items():
        holder = holders.get(name, CONFIGURED)
        yield from (Duplicate(name, other, holder) for other in addresses if other != holder)

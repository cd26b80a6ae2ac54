"""What was used, summed up by whatever is asked for, and what it cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from proxy.core.account import AccountName, ModelFamily
from proxy.core.instants import date_of
from proxy.core.usage import Usage

MILLION: Final = 1_000_000

KEYS: Final = ("day", "client", "account", "model")
"""What usage can be told apart by. A model is told by its family."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens of a model family cost, in USD."""

    input: float
    output: float
    cache_read: float
    cache_write: float

    def of(self, usage: Usage) -> float:
        """The cost of these tokens, in USD."""
        spent = usage.input * self.input + usage.output * self.output
        cached = usage.cache_read * self.cache_read + usage.cache_write * self.cache_write
        return (spent + cached) / MILLION


Prices = Mapping[ModelFamily, Price]


class Entry(msgspec.Struct, frozen=True):
    """The answers to a client by an account on a day (UTC, counted from 1970), of one family."""

    day: int
    client: str
    account: AccountName
    family: ModelFamily
    requests: int
    usage: Usage


class Line(msgspec.Struct, frozen=True):
    """A sum in the bill. `of` says of what, by the keys asked for.

    `cost_usd` is None where a part of it has no price: a sum of the rest would mislead.
    """

    of: Mapping[str, str]
    requests: int = 0
    usage: Usage = Usage()
    cost_usd: float | None = 0.0

    def plus(self, entry: Entry, prices: Prices) -> "Line":
        price = prices.get(entry.family)
        cost = None
        if price is not None and self.cost_usd is not None:
            cost = self.cost_usd + price.of(entry.usage)
        requests = self.requests + entry.requests
        return Line(self.of, requests, self.usage.plus(entry.usage), cost)

    def flat(self) -> dict[str, str | int | float | None]:
        """As a row of a table."""
        figures = {
            "requests": self.requests,
            "input_tokens": self.usage.input,
            "output_tokens": self.usage.output,
            "cache_read_tokens": self.usage.cache_read,
            "cache_write_tokens": self.usage.cache_write,
            "cost_usd": None if self.cost_usd is None else round(self.cost_usd, 6),
        }
        return {**self.of, **figures}


def bill(entries: Iterable[Entry], by: Sequence[str], prices: Prices) -> list[Line]:
    """Sum entries up by some of `KEYS`, in order of these."""
    lines: dict[tuple[str, ...], Line] = {}
    for entry in entries:
        named = _named(entry)
        of = {key: named[key] for key in by}
        key = tuple(of.values())
        lines[key] = lines.get(key, Line(of)).plus(entry, prices)
    return [lines[key] for key in sorted(lines)]


def _named(entry: Entry) -> dict[str, str]:
    return {
        "day": date_of(entry.day),
        "client": entry.client,
        "account": entry.account,
        "model": entry.family,
    }

"""One model call: what was asked, by whom, and what the prompt directs."""

import time
from dataclasses import dataclass

import msgspec
from aiohttp import web

from simulator.accounts import Account
from simulator.cache import InputUsage, count_tokens
from simulator.config import Pacing
from simulator.errors import bad_request
from simulator.limits import limit_headers
from simulator.markers import Marker, read_markers
from simulator.orders import Strike
from simulator.plans import Plan, Standing, Style
from simulator.prompt import Request, read_request
from simulator.provider import BODY, PROVIDER, RECORD
from simulator.records import Record


@dataclass(frozen=True, slots=True)
class Call:
    record: Record
    body: bytes
    account: Account
    style: Style
    prompt: Request
    markers: tuple[Marker, ...]

    def limits(self) -> dict[str, str]:
        """The headers that say how the account's plan stands."""
        ledger, now = self.account.ledger, time.time()
        return limit_headers(ledger.plan, self.style, ledger.standings(self.prompt.model, now), now)

    def limits_without(self, window: str, reset: float) -> dict[str, str]:
        """The same, as if this window were used up for `reset` seconds."""
        now = time.time()
        standings = self.account.ledger.standings(self.prompt.model, now)
        others = (standing for standing in standings if standing.name != window)
        full = Standing(window, 1, 1, now + reset)
        return limit_headers(Plan(), self.style, (full, *others), now)

    def input_usage(self) -> InputUsage:
        """What the prompt costs. Only a prompt that asks for it goes through the cache."""
        if b'"cache_control"' not in self.body:
            return InputUsage(count_tokens(self.prompt.segments()))
        return self.account.cache.use(self.prompt.segments(), time.time())

    def pacing(self, usual: Pacing) -> Pacing:
        """The account's pacing, else the usual one, with what the markers change."""
        pace = msgspec.structs.asdict(self.account.pacing or usual)
        for marker in self.markers:
            pace |= {name: value for name, value in marker.args.items() if name in pace}
        try:
            return msgspec.convert(pace, Pacing, strict=False)
        except msgspec.ValidationError as exc:
            raise bad_request(f"simulator marker: {exc}") from exc


def read_call(http: web.Request) -> Call:
    """Raises ApiError: a credential that nobody has, a request that is not valid."""
    provider, record = http.app[PROVIDER], http[RECORD]
    account, style = provider.accounts.of(http.headers)
    provider.records.belongs(record, account.name)
    prompt = read_request(http[BODY])
    _, markers = read_markers(prompt.last_user().text())
    return Call(record, http[BODY], account, style, prompt, markers)


def strike_on(http: web.Request, call: Call) -> Strike | None:
    """The fault that this call was ordered to meet."""
    strike = http.app[PROVIDER].faults.strike(call.account.name, call.prompt.model, call.markers)
    call.record.fault = strike.name if strike else None
    return strike

"""`POST /v1/messages`: read, decide, answer."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
from aiohttp import web

from simulator.accounts import Account
from simulator.answers import answer_to
from simulator.cache import InputUsage, count_tokens
from simulator.config import Pacing
from simulator.delivery import Delivery, deliver
from simulator.errors import ApiError, bad_request
from simulator.events import Piece, Reply, stream_events, whole_message
from simulator.faults import Evidence, Flaw, How, Refusal, Strike
from simulator.limits import limit_headers
from simulator.markers import Marker, read_markers
from simulator.plans import Plan, Refused, Standing, Style
from simulator.prompt import Request, read_request
from simulator.provider import BODY, PROVIDER, RECORD
from simulator.records import Record


@dataclass(frozen=True, slots=True)
class Call:
    """One model call: what was asked, by whom, and what the prompt directs."""

    record: Record
    account: Account
    style: Style
    prompt: Request
    markers: tuple[Marker, ...]

    def headers(self, now: float) -> dict[str, str]:
        """How the account's plan stands."""
        ledger = self.account.ledger
        return limit_headers(ledger.plan, self.style, ledger.standings(self.prompt.model, now), now)


async def messages(http: web.Request) -> web.StreamResponse:
    """Answer one call, unless a fault or the account's plan decides otherwise."""
    provider = http.app[PROVIDER]
    call = _read(http)
    strike = provider.faults.strike(call.account.name, call.prompt.model, call.markers)
    call.record.fault = strike.name if strike else None
    if strike is not None and isinstance(strike.effect, Refusal):
        raise _refused_by_fault(call, strike, strike.effect)
    pacing = _pacing(call.account.pacing or provider.pacing, call.markers)
    answer = answer_to(call.prompt, pacing.tokens)
    usage = _input_usage(call, http[BODY])
    with _seat(call, usage.total() + answer.output_tokens):
        reply = Reply(_message_id(call), call.prompt.model, answer, usage.fields())
        delivery = _delivery(call, reply, pacing, _flaw(strike))
        return await deliver(http, call.record, delivery)


async def count(http: web.Request) -> web.Response:
    """`POST /v1/messages/count_tokens`."""
    http.app[PROVIDER].accounts.of(http.headers)
    prompt = read_request(http[BODY], counting=True)
    return web.json_response({"input_tokens": count_tokens(prompt.segments())})


def _read(http: web.Request) -> Call:
    provider = http.app[PROVIDER]
    account, style = provider.accounts.of(http.headers)
    provider.records.belongs(http[RECORD], account.name)
    prompt = read_request(http[BODY])
    _, markers = read_markers(prompt.last_user().text())
    return Call(http[RECORD], account, style, prompt, markers)


@contextmanager
def _seat(call: Call, tokens: int) -> Iterator[None]:
    """Run within the account's plan; the tokens are charged when the call is over."""
    ledger, model = call.account.ledger, call.prompt.model
    refused = ledger.enter(model, time.time())
    if refused is not None:
        raise _refused_by_plan(call, refused)
    try:
        yield
    finally:
        ledger.leave(model, tokens, time.time())


def _refused_by_plan(call: Call, refused: Refused) -> ApiError:
    headers = call.headers(time.time())
    if refused.retry_after is not None:
        headers["retry-after"] = str(math.ceil(refused.retry_after))
    message = f"This request would exceed your account's rate limit ({refused.reason})."
    return ApiError(429, "rate_limit_error", message, headers=headers)


def _refused_by_fault(call: Call, strike: Strike, refusal: Refusal) -> ApiError:
    now = time.time()
    headers: dict[str, str] = {}
    match refusal.evidence:
        case Evidence.STANDING:
            wait = strike.seconds("retry_after", 2)
            headers = {**call.headers(now), "retry-after": f"{wait:g}"}
        case Evidence.REJECTED:
            reset = strike.seconds("reset", 3600)
            window = strike.args.get("window", "five_hour")
            headers = {**_rejected(call, window, now + reset, now), "retry-after": f"{reset:.0f}"}
        case Evidence.NONE if "retry_after" in strike.args:
            headers = {"retry-after": strike.args["retry_after"]}
    return ApiError(
        refusal.status, refusal.kind, refusal.message, code=refusal.code, headers=headers
    )


def _rejected(call: Call, window: str, resets_at: float, now: float) -> dict[str, str]:
    standings = call.account.ledger.standings(call.prompt.model, now)
    others = tuple(s for s in standings if s.name != window)
    full = Standing(window, 1, 1, resets_at)
    return limit_headers(Plan(), call.style, (full, *others), now)


def _flaw(strike: Strike | None) -> Flaw | None:
    if strike is None or not isinstance(strike.effect, Flaw):
        return None
    at = strike.args.get("at", strike.effect.at)
    if at not in {"head", "start", "mid", "last"} and not at.isdecimal():
        raise bad_request(f"fault {strike.name}: at={at} is no place in an answer")
    return Flaw(strike.effect.how, at)


def _pacing(usual: Pacing, markers: tuple[Marker, ...]) -> Pacing:
    wanted = {
        name: value
        for marker in markers
        for name, value in marker.args.items()
        if name in Pacing.__struct_fields__
    }
    try:
        return msgspec.convert({**msgspec.structs.asdict(usual), **wanted}, Pacing, strict=False)
    except msgspec.ValidationError as exc:
        raise bad_request(f"simulator marker: {exc}") from exc


def _input_usage(call: Call, body: bytes) -> InputUsage:
    if b'"cache_control"' not in body:
        return InputUsage(count_tokens(call.prompt.segments()))
    return call.account.cache.use(call.prompt.segments(), time.time())


def _message_id(call: Call) -> str:
    return f"msg_sim{call.record.number:021}"


def _delivery(call: Call, reply: Reply, pacing: Pacing, flaw: Flaw | None) -> Delivery:
    headers = {**call.headers(time.time()), "request-id": request_id(call.record)}
    if call.prompt.stream:
        headers |= {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        total = reply.answer.output_tokens + 2 * len(reply.answer.parts) + 4
        return Delivery(headers, stream_events(reply), total, pacing, flaw)
    body = whole_message(reply)
    if flaw is not None and flaw.how is How.ERROR:
        raise ApiError(200, "overloaded_error", "Overloaded")
    if flaw is None or flaw.how is not How.END:
        headers["content-length"] = str(len(body))
    headers["content-type"] = "application/json"
    middle = len(body) // 2
    pieces = (Piece("body", body[:middle]), Piece("message_stop", body[middle:]))
    return Delivery(headers, pieces, 2, pacing, flaw)


def request_id(record: Record) -> str:
    return f"req_sim{record.number:021}"

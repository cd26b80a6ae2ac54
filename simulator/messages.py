"""`POST /v1/messages`: read, decide, answer."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from simulator.answers import answer_to
from simulator.cache import count_tokens
from simulator.call import Call, read_call, strike_on
from simulator.config import Pacing
from simulator.delivery import Delivery, deliver
from simulator.errors import ApiError
from simulator.events import Piece, Reply, stream_events, whole_message
from simulator.faults import Evidence, Flaw, How, Refusal
from simulator.ledger import Refused
from simulator.orders import Strike
from simulator.prompt import read_request
from simulator.provider import BODY, PROVIDER


async def messages(http: web.Request) -> web.StreamResponse:
    """Answer one call, unless a fault or the account's plan decides otherwise."""
    call = read_call(http)
    strike = strike_on(http, call)
    if strike is not None and isinstance(strike.effect, Refusal):
        raise _refused_by_fault(call, strike, strike.effect)
    pacing = call.pacing(http.app[PROVIDER].pacing)
    headers = {**call.limits(), "request-id": call.record.request_id}
    with _seat(call):
        reply = _reply(call, pacing)
        delivery = _delivery(call, reply, headers, pacing, strike.flaw() if strike else None)
        return await deliver(http, call.record, delivery)


async def count(http: web.Request) -> web.Response:
    """`POST /v1/messages/count_tokens`."""
    http.app[PROVIDER].accounts.of(http.headers)
    prompt = read_request(http[BODY], counting=True)
    return web.json_response({"input_tokens": count_tokens(prompt.segments())})


@contextmanager
def _seat(call: Call) -> Iterator[None]:
    """Run within the account's plan."""
    ledger = call.account.ledger
    refused = ledger.enter(call.prompt.model, time.time())
    if refused is not None:
        raise _refused_by_plan(call, refused)
    try:
        yield
    finally:
        ledger.leave()


def _reply(call: Call, pacing: Pacing) -> Reply:
    """The answer and its price; it is charged at once, however the delivery ends."""
    model = call.prompt.model
    answer = answer_to(call.prompt, pacing.tokens)
    usage = call.input_usage()
    call.account.ledger.charge_tokens(model, usage.total() + answer.output_tokens, time.time())
    return Reply(call.record.message_id, model, answer, usage.fields())


def _delivery(
    call: Call, reply: Reply, headers: dict[str, str], pacing: Pacing, flaw: Flaw | None
) -> Delivery:
    if call.prompt.stream:
        headers |= {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        total = reply.answer.output_tokens + 2 * len(reply.answer.parts) + 4
        return Delivery(headers, stream_events(reply), total, pacing, flaw)
    if flaw is not None and flaw.how is How.ERROR:
        raise ApiError(200, flaw.kind, "A simulated error")
    body = whole_message(reply)
    headers["content-type"] = "application/json"
    if flaw is None or flaw.how is not How.END:
        headers["content-length"] = str(len(body))
    middle = len(body) // 2
    pieces = (Piece("body", body[:middle]), Piece("message_stop", body[middle:]))
    return Delivery(headers, pieces, len(pieces), pacing, flaw)


def _refused_by_plan(call: Call, refused: Refused) -> ApiError:
    headers = call.limits()
    if refused.retry_after is not None:
        headers["retry-after"] = str(math.ceil(refused.retry_after))
    message = f"This request would exceed your account's rate limit ({refused.reason})."
    return ApiError(429, "rate_limit_error", message, headers=headers)


def _refused_by_fault(call: Call, strike: Strike, refusal: Refusal) -> ApiError:
    headers: dict[str, str] = {}
    match refusal.evidence:
        case Evidence.STANDING:
            headers = {**call.limits(), "retry-after": "2"}
        case Evidence.REJECTED:
            reset = strike.number("reset", 3600)
            headers = call.limits_without(strike.args.get("window", "five_hour"), reset)
            headers["retry-after"] = str(math.ceil(reset))
        case Evidence.NONE:
            pass
    headers = {name: value for name, value in (headers | strike.headers()).items() if value}
    return ApiError(
        refusal.status, refusal.kind, refusal.message, code=refusal.code, headers=headers
    )

"""`POST /v1/responses` and `GET /v1/responses/{id}`."""

import time
from dataclasses import replace
from uuid import uuid4

import msgspec
from aiohttp import web

from worker.api.answers import success
from worker.api.parts import PARTS
from worker.api.requests import client_of, read_body, turn_of
from worker.api.turns import Asked, serve_turn
from worker.api.voices import ResponsesVoice
from worker.core.honour import RESPONSES, in_vain
from worker.core.message import Block
from worker.core.responses import Past, past_of, to_messages
from worker.core.responses_answer import whole
from worker.core.responses_head import Head, head_of
from worker.core.responses_request import ResponsesRequest, decode_responses
from worker.core.thread import Exchange
from worker.errors import NotFoundError, UnknownResponseError

_HEAD = "response_head"
"""Where the archive finds what a response needs to be told again."""
_object = msgspec.json.Decoder(Block)


async def create(request: web.Request) -> web.StreamResponse:
    """Run a turn."""
    return await serve_turn(request, _read)


async def retrieve(request: web.Request) -> web.Response:
    """Tell a kept answer again."""
    archive = request.app[PARTS].archive
    exchange = archive.exchange(client_of(request), request.match_info["id"])
    if exchange is None:
        raise NotFoundError("no such response is kept here")
    return success(request, whole(_head(exchange), dict(exchange.message)))


async def _read(request: web.Request) -> Asked:
    raw = await read_body(request)
    asked = decode_responses(raw)
    told = to_messages(asked, _past(request, asked))
    turn = turn_of(request, msgspec.json.encode(told), told)
    answer = f"resp_{turn.session}{uuid4().hex[:16]}"
    head = head_of(answer, int(time.time()), asked, _object.decode(raw))
    noted = replace(turn, notes={_HEAD: msgspec.to_builtins(head)})
    voice = ResponsesVoice(head, store=asked.store is not False)
    return Asked(noted, voice, in_vain(RESPONSES, raw))


def _past(request: web.Request, asked: ResponsesRequest) -> Past:
    """What was said before the response that this one goes on from."""
    if not asked.previous_response_id:
        return Past()
    archive = request.app[PARTS].archive
    exchange = archive.exchange(client_of(request), asked.previous_response_id)
    if exchange is None or not exchange.complete:
        raise UnknownResponseError("previous_response_id: no such response is kept here (any more)")
    return past_of(exchange, _head(exchange).echo["instructions"])


def _head(exchange: Exchange) -> Head:
    """The head of a kept answer; one that was given in another dialect has a plain one."""
    kept = exchange.request.get(_HEAD)
    if kept is None:
        return Head(exchange.id, int(exchange.at), exchange.model)
    return msgspec.convert(kept, Head)

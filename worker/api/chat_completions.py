"""`POST /v1/chat/completions`: a Messages API turn, asked and answered in another dialect."""

import time

import msgspec
from aiohttp import web

from worker.api.requests import read_body, turn_of
from worker.api.turns import Asked, serve_turn
from worker.api.voices import ChatVoice
from worker.core.chat import to_messages
from worker.core.chat_request import decode_chat
from worker.core.honour import CHAT, in_vain


async def create(request: web.Request) -> web.StreamResponse:
    """Run a turn."""
    return await serve_turn(request, _read)


async def _read(request: web.Request) -> Asked:
    raw = await read_body(request)
    chat = decode_chat(raw)
    asked = to_messages(chat)
    voice = ChatVoice(int(time.time()), own_usage=chat.wants_usage, json=chat.wants_json)
    return Asked(turn_of(request, msgspec.json.encode(asked), asked), voice, in_vain(CHAT, raw))

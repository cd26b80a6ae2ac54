"""`POST /v1/chat/completions`: a Messages API turn, asked and answered in another dialect."""

import time

import msgspec
from aiohttp import web

from worker.api.requests import read_body, turn_of
from worker.api.turns import serve_turn
from worker.api.voices import ChatVoice, Voice
from worker.core.chat import to_messages
from worker.core.chat_request import decode_chat
from worker.engines.base import Turn


async def create(request: web.Request) -> web.StreamResponse:
    """Run a turn."""
    return await serve_turn(request, _read)


async def _read(request: web.Request) -> tuple[Turn, Voice]:
    chat = decode_chat(await read_body(request))
    asked = to_messages(chat)
    voice = ChatVoice(int(time.time()), own_usage=chat.wants_usage, json=chat.wants_json)
    return turn_of(request, msgspec.json.encode(asked), asked), voice

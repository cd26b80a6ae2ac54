"""What each dialect makes of the same answer."""

import json

import pytest

from tests.worker.rig import BLOCK, MESSAGE, START, STOP, text
from worker.api.voices import ChatVoice, MessagesVoice
from worker.core.verdict import Kind, Verdict
from worker.engines.base import TurnFailedError

BROKE = TurnFailedError(Verdict(Kind.OVERLOADED), 529, "overloaded_error", "full")
TOLD = b'{"type":"overloaded_error","message":"full"}'
WHOLE = json.dumps(MESSAGE).encode()


def chat():
    return ChatVoice(7, own_usage=False)


def test_messages_are_said_as_they_are():
    voice = MessagesVoice()

    assert voice.whole(WHOLE) is WHOLE
    assert voice.event(STOP) == b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def test_a_chat_is_said_in_chunks():
    voice = chat()
    said = [voice.event(event) for event in (START, BLOCK, text("hi"), STOP)]

    assert said[0].startswith(b'data: {"id":"msg_1","object":"chat.completion.chunk","created":7')
    assert said[1] == b""
    assert json.loads(said[2].removeprefix(b"data: "))["choices"][0]["delta"] == {"content": "hi"}
    assert said[3].endswith(b"\n\ndata: [DONE]\n\n")


def test_a_whole_chat_says_when_it_was_made():
    assert json.loads(chat().whole(WHOLE))["created"] == 7


@pytest.mark.parametrize(
    ("voice", "expected"),
    [
        (
            MessagesVoice(),
            b'event: error\ndata: {"type":"error","error":%b}\n\n' % TOLD,
        ),
        (
            chat(),
            b'data: {"error":%b,"param":null,"code":null}}\n\n' % TOLD[:-1],
        ),
    ],
)
def test_last_words(voice, expected):
    assert voice.error(BROKE) == expected


@pytest.mark.parametrize("voice", [MessagesVoice(), chat()])
def test_a_ping_is_a_whole_event(voice):
    assert voice.ping.endswith(b"\n\n")

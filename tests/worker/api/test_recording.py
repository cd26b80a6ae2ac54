"""What listens to a turn never gets in its way."""

import pytest

from tests.worker.rig import ASK, HELLO, START, Scripted, event, serving
from worker.engines.base import Event

MINE = {"x-headgate-client": "alice", "x-headgate-session": "a" * 32}


@pytest.mark.parametrize(
    "odd",
    [
        Event("content_block_delta", b"no json"),
        Event("content_block_delta", b'{"type":7}'),
        event("content_block_delta", index=9, delta={"type": "citations_delta"}),
        event("vendor_event", more=True),
    ],
)
async def test_an_event_that_makes_no_sense_goes_out_as_it_came(worker, engine, odd):
    engine.script = (*HELLO[:3], odd, *HELLO[3:])
    async with worker.post(ASK | {"stream": True}, headers=MINE) as answer:
        body = await answer.read()
    kept = worker.parts.archive.exchange("alice", "msg_1")

    assert odd.data in body
    assert b"event: message_stop" in body
    assert kept.message["content"] == [{"type": "text", "text": "hello"}]


@pytest.mark.parametrize("message", [b'{"type":"message"}', b'{"id":5}', b"[]"])
async def test_a_whole_answer_that_names_nothing_is_given_and_not_kept(worker, engine, message):
    engine.answer = message
    async with worker.post(headers=MINE) as answer:
        assert await answer.read() == message

    assert worker.parts.archive.sessions("alice") == []


class Failing(Scripted):
    """Knows of an answer that it never gave."""

    async def message(self, turn):
        turn.partial({"id": "msg_1", "usage": {"input_tokens": 3}})
        raise TimeoutError


async def test_what_only_the_engine_has_seen_of_an_answer_is_counted():
    async with serving(Failing()) as worker, worker.post(headers=MINE) as answer:
        (session,) = worker.parts.archive.sessions("alice")

    assert answer.status == 500
    assert (session.turns, session.usage.input_tokens) == (1, 3)


async def test_what_was_begun_and_failed_before_its_content_is_counted(worker, engine):
    engine.script = (START, TimeoutError())
    async with worker.post(ASK | {"stream": True}, headers=MINE) as answer:
        assert answer.status == 500

    assert worker.parts.archive.sessions("alice")[0].usage.input_tokens == 3

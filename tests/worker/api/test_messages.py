"""Whole messages and token counts."""

import time

import pytest

from worker.core.verdict import Kind, Scope, Verdict
from worker.engines.base import TokenCount, TurnFailedError


async def test_a_message_is_what_the_engine_made(worker, engine):
    engine.answer = b'{"type":"message","content":[]}'
    async with worker.post() as answer:
        assert answer.status == 200
        assert answer.content_type == "application/json"
        assert await answer.read() == engine.answer


async def test_the_engine_gets_the_request_as_it_came(worker, engine):
    raw = b'{ "model":"m", "messages":[{"role":"user","content":"\xc3\xa9"}],"new_field":1.50 }'
    headers = {
        "x-request-id": "r-7",
        "x-headgate-client": "alice",
        "x-headgate-session": "0123456789abcdef" * 2,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "one",
        "x-other": "no",
    }
    async with worker.post(raw, headers=headers):
        (turn,) = engine.turns

    assert turn.raw == raw
    assert turn.request["new_field"] == 1.5
    assert (turn.id, turn.client, turn.session) == ("r-7", "alice", "0123456789abcdef" * 2)
    assert (turn.model, turn.stream) == ("m", False)
    assert turn.headers == {"anthropic-version": "2023-06-01", "anthropic-beta": "one"}


async def test_repeated_beta_headers_are_one_list(worker, engine):
    headers = [("anthropic-beta", "one"), ("anthropic-beta", "two")]
    async with worker.post(headers=headers):
        assert engine.turns[0].headers["anthropic-beta"] == "one,two"


@pytest.mark.parametrize("session", ["../x", "0" * 31, "0" * 33, "G" * 32])
async def test_a_session_that_is_no_key_is_named_by_how_it_begins(worker, engine, session):
    async with worker.post(headers={"x-headgate-session": session}), worker.post():
        named = {turn.session for turn in engine.turns}

    assert len(named) == 1
    assert named != {session}


@pytest.mark.parametrize(
    ("verdict", "status", "expected"),
    [
        (
            Verdict(Kind.QUOTA, Scope.ACCOUNT, until=1_790_000_000.25, retry_after=59.1),
            429,
            ("quota", "account", "0", "1790000000.25", "60"),
        ),
        (
            Verdict(Kind.MODEL_LIMIT, Scope.MODEL, until=1_790_000_000.0),
            429,
            ("model_limit", "model", "0", "1790000000", "0"),
        ),
        (Verdict(Kind.BILLING, Scope.ACCOUNT), 402, ("billing", "account", "0", None, None)),
        (
            Verdict(Kind.WORKER_ERROR, started=True),
            502,
            ("worker_error", "request", "1", None, None),
        ),
    ],
)
async def test_a_failure_carries_its_verdict(worker, engine, verdict, status, expected):
    engine.answer = TurnFailedError(verdict, status, "some_error", "why")
    async with worker.post(headers={"x-request-id": "r-1"}) as answer:
        body = await answer.json()

    names = ("verdict", "scope", "started", "until")
    told = [answer.headers.get(f"x-headgate-{name}") for name in names]
    assert answer.status == status
    assert (*told, answer.headers.get("retry-after")) == expected
    assert body == {
        "type": "error",
        "error": {"type": "some_error", "message": "why"},
        "request_id": "r-1",
    }


async def test_a_reset_that_is_known_is_a_wait_that_is_known(worker, engine):
    verdict = Verdict(Kind.QUOTA, Scope.ACCOUNT, until=time.time() + 3600)
    engine.answer = TurnFailedError(verdict, 429, "rate_limit_error", "why")
    async with worker.post() as answer:
        assert 3590 <= int(answer.headers["retry-after"]) <= 3600


async def test_a_bug_in_an_engine_is_a_500_that_may_have_begun(worker, engine, capsys):
    engine.answer = ZeroDivisionError("prompt words")
    async with worker.post() as answer:
        assert answer.status == 500
        assert answer.headers["x-headgate-verdict"] == "worker_error"
        assert answer.headers["x-headgate-started"] == "1"
        assert "prompt words" not in await answer.text()

    assert "prompt words" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(("estimated", "header"), [(True, "1"), (False, None)])
async def test_a_token_count_says_whether_it_is_an_estimate(worker, engine, estimated, header):
    engine.count = TokenCount(42, estimated=estimated)
    async with worker.post(path="/v1/messages/count_tokens?beta=true") as answer:
        assert answer.status == 200
        assert await answer.json() == {"input_tokens": 42}
        assert answer.headers.get("x-headgate-estimate") == header

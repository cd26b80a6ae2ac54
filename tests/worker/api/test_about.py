"""What a worker tells those who watch it."""

from dataclasses import replace

import pytest

from tests.worker.rig import ASK
from worker.core.state import EngineState, Login, Slots
from worker.core.verdict import Kind, Verdict
from worker.engines.base import TurnFailedError

BROKEN = EngineState(ready=False, reason="auth", login=Login(ok=False), slots=Slots(0, 0))


async def told(worker, path):
    async with worker.get(path) as answer:
        return answer.status, await answer.json()


async def test_what_can_serve_is_healthy_and_ready(worker):
    for path in ("/health", "/health/ready"):
        assert await told(worker, path) == (200, {"status": "ready"})


async def test_what_cannot_serve_says_why_and_lives(worker, engine):
    engine.state_now = BROKEN

    assert await told(worker, "/health") == (200, {"status": "auth"})
    assert await told(worker, "/health/ready") == (503, {"status": "auth"})
    for path in ("/health/live", "/livez"):
        assert await told(worker, path) == (200, {"status": "ok"})


async def test_what_drains_is_not_ready(worker):
    worker.parts.gate.close()

    assert await told(worker, "/health/ready") == (503, {"status": "draining"})


async def test_the_login_is_told_without_its_secret(worker, engine):
    login = Login(ok=True, expires_at=1_790_000_000.0, method="oauth", checked_at=1.0)
    engine.state_now = replace(engine.state_now, login=login)

    assert await told(worker, "/v1/auth/status") == (
        200,
        {
            "account": "alice",
            "engine": "scripted",
            "ok": True,
            "method": "oauth",
            "expires_at": 1_790_000_000.0,
            "checked_at": 1.0,
        },
    )


async def test_the_version_names_what_runs_and_what_it_can(worker, engine):
    engine.state_now = replace(
        engine.state_now, versions={"cli": "2.1.0"}, profile="plain", features={"effort": True}
    )

    assert await told(worker, "/version") == (
        200,
        {
            "name": "headgate-worker",
            "version": "0.1.0",
            "cli": "2.1.0",
            "engine": "scripted",
            "profile": "plain",
            "features": {"effort": True},
        },
    )


async def test_the_figures_count_turns_by_verdict_and_tokens_by_family(worker, engine):
    for model in ("claude-opus-4", "gpt-x"):
        async with worker.post(ASK | {"model": model, "stream": True}) as answer:
            await answer.read()
    engine.answer = TurnFailedError(Verdict(Kind.QUOTA), 429, "rate_limit_error", "no more")
    async with worker.post() as answer:
        await answer.read()
    _, stats = await told(worker, "/stats")
    used = {
        "input_tokens": 3,
        "output_tokens": 2,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }

    assert stats["turns"] == {"ok": 2, "quota": 1}
    assert stats["tokens"] == {"opus": used, "other": used}
    assert stats["slots"] == {"max": 2, "busy": 0, "waiting": 0}
    assert stats["sessions"]["kept"] == 1
    assert stats["uptime"] > 0


@pytest.mark.parametrize("path", ["/stats", "/version", "/v1/auth/status", "/health"])
async def test_nothing_of_it_can_be_changed(worker, path):
    async with worker.post(path=path) as answer:
        assert answer.status == 405

"""What a worker tells of itself."""

from worker.core.state import EngineState, Limit, Login, Processes, Slots, Window
from worker.core.verdict import Kind, Scope


async def test_the_state_is_the_wires(worker, engine):
    engine.state_now = EngineState(
        ready=False,
        reason="auth",
        login=Login(ok=False, expires_at=1_790_000_000.0, method="claude.ai"),
        slots=Slots(6, 1),
        windows=(Window("five_hour", 0.42, 1_790_000_000.0),),
        limit=Limit(Kind.MODEL_LIMIT, Scope.MODEL, 1_790_000_000.0, ("claude-opus",)),
        versions={"cli": "2.1.329"},
        features={"client_tools": True},
        profile="plain",
        processes=Processes(warm=2, busy=1),
    )
    async with worker.get("/state") as answer:
        told = await answer.json()

    assert told == {
        "account": "alice",
        "engine": "scripted",
        "versions": {"headgate": "0.1.0", "cli": "2.1.329"},
        "ready": False,
        "reason": "auth",
        "login": {
            "ok": False,
            "expires_at": 1_790_000_000.0,
            "method": "claude.ai",
            "checked_at": None,
        },
        "windows": [
            {
                "name": "five_hour",
                "utilization": 0.42,
                "resets_at": 1_790_000_000.0,
                "status": "allowed",
            }
        ],
        "limit": {
            "kind": "model_limit",
            "scope": "model",
            "until": 1_790_000_000.0,
            "models": ["claude-opus"],
        },
        "slots": {"max": 6, "busy": 1},
        "features": {"client_tools": True},
        "profile": "plain",
        "processes": {
            "warm": 2,
            "idle": 0,
            "busy": 1,
            "started": 0,
            "replaced": 0,
            "reused": 0,
            "memory": None,
            "claims": 0,
            "claim_seconds": 0.0,
        },
    }


async def test_a_closed_gate_makes_a_ready_worker_drain(worker):
    async with worker.get("/state") as before:
        assert ((await before.json())["ready"]) is True
    worker.parts.gate.close()
    async with worker.get("/state") as after:
        told = await after.json()

    assert (told["ready"], told["reason"]) == (False, "draining")

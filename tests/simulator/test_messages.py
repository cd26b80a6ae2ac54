import asyncio
import json
import time

import pytest

from simulator.plans import Burst, Plan, Style, Window

BEARER = {"authorization": "Bearer sim-alice"}
UNIFIED = "anthropic-ratelimit-unified"


async def texts(*answers):
    return [(await answer.json())["content"][0]["text"] for answer in answers]


async def test_a_message_is_answered_as_json(client):
    async with client.post("say: hello") as answer:
        message = await answer.json()

    assert (answer.status, answer.content_type) == (200, "application/json")
    assert message["content"] == [{"type": "text", "text": "hello"}]
    assert message["role"] == "assistant"
    assert answer.headers["request-id"].startswith("req_")


async def test_a_message_is_answered_as_a_stream(client):
    async with client.post("say: hello you", stream=True, path="/v1/messages?beta=true") as answer:
        body = await answer.text()
    events = [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data: ")]

    assert answer.content_type == "text/event-stream"
    assert "".join(e["delta"].get("text", "") for e in events if "delta" in e) == "hello you"
    assert events[-1] == {"type": "message_stop"}


async def test_the_same_request_gets_the_same_answer(client):
    async with client.post("tell me") as one, client.post("tell me") as other:
        first, second = await texts(one, other)

    assert first == second


async def test_a_prompt_is_read_from_the_cache_of_its_account_only(client):
    content = [{"type": "text", "text": "x" * 4000, "cache_control": {"type": "ephemeral"}}]
    usages = []
    for key in ("sim-alice", "sim-alice", "sim-bob"):
        async with client.post(content, headers={"x-api-key": key}) as answer:
            usages.append((await answer.json())["usage"])

    read = [usage["cache_read_input_tokens"] for usage in usages]
    written = [usage["cache_creation_input_tokens"] for usage in usages]
    assert read == [0, written[0], 0]
    assert written == [written[0], 0, written[0]]


async def test_a_prompt_that_wants_no_cache_is_paid_in_full(client):
    for _ in range(2):
        async with client.post("x" * 400) as answer:
            usage = (await answer.json())["usage"]

    assert usage["input_tokens"] > 100
    assert usage["cache_read_input_tokens"] == usage["cache_creation_input_tokens"] == 0


async def test_a_used_up_window_is_rejected_with_its_reset_and_opens_again(sim, client):
    sim.plan("alice", Plan(windows={"five_hour": Window(10)}))
    sim.exhaust("alice", resets_in=1000)
    async with client.post(headers=BEARER) as refused:
        error = (await refused.json())["error"]
    wait = int(refused.headers["retry-after"])
    sim.exhaust("alice", resets_in=0)
    async with client.post(headers=BEARER) as served:
        pass

    assert (refused.status, error["type"]) == (429, "rate_limit_error")
    assert refused.headers[f"{UNIFIED}-5h-status"] == "rejected"
    assert 999 <= wait <= 1000
    assert abs(int(refused.headers[f"{UNIFIED}-reset"]) - time.time() - wait) < 2
    assert (served.status, served.headers[f"{UNIFIED}-5h-status"]) == (200, "allowed")


async def test_a_full_models_week_leaves_other_models_alone(sim, client):
    sim.plan("alice", Plan(windows={"five_hour": Window(10), "seven_day_opus": Window(10)}))
    sim.exhaust("alice", "seven_day_opus")
    async with (
        client.post(headers=BEARER, model="claude-opus-5-5") as opus,
        client.post(headers=BEARER) as sonnet,
    ):
        assert (opus.status, sonnet.status) == (429, 200)
        assert opus.headers[f"{UNIFIED}-representative-claim"] == "seven_day_opus"


async def test_a_burst_is_refused_while_every_window_is_allowed(sim, client):
    sim.plan("alice", Plan(windows={"five_hour": Window(10)}, burst=Burst(1, seconds=60)))
    async with client.post(headers=BEARER), client.post(headers=BEARER) as refused:
        assert refused.status == 429
        assert refused.headers[f"{UNIFIED}-status"] == "allowed"
        assert 55 <= int(refused.headers["retry-after"]) <= 60


async def test_too_many_at_once_are_refused_and_seats_come_back(sim, client):
    sim.plan("alice", Plan(concurrency=2, style=Style.NONE))
    sim.pace(latency=0.2)
    answers = await asyncio.gather(*(client.post() for _ in range(4)))
    async with client.post() as later:
        pass

    assert sorted(answer.status for answer in answers) == [200, 200, 429, 429]
    assert later.status == 200
    assert sim.provider.accounts.named("alice").ledger.in_flight == 0


async def test_the_seat_of_a_client_that_left_comes_back(sim, client):
    async with client.post("[[sim:fault=stall]]", stream=True):
        pass
    await sim.until(lambda: sim.tally.left == 1)

    assert sim.provider.accounts.named("alice").ledger.in_flight == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_fault_by_order_strikes_once_and_is_recorded(sim, client, stream):
    sim.fault("529", account="alice")
    async with client.post(stream=stream) as struck, client.post(stream=stream) as served:
        error = (await struck.json())["error"]

    assert (struck.status, error["type"], served.status) == (529, "overloaded_error", 200)
    assert [record.fault for record in sim.calls] == ["529", None]


async def test_a_rejected_window_can_be_put_in_as_a_fault(client):
    marker = "[[sim:fault=rejected window=seven_day reset=90]]"
    async with client.post(marker, headers=BEARER) as answer:
        pass

    assert answer.headers[f"{UNIFIED}-representative-claim"] == "seven_day"
    assert answer.headers[f"{UNIFIED}-7d-status"] == "rejected"
    assert answer.headers[f"{UNIFIED}-5h-status"] == "allowed"
    assert answer.headers["retry-after"] == "90"


@pytest.mark.parametrize(
    ("marker", "wait", "unified"),
    [
        ("fault=burst", "2", True),
        ("fault=burst retry-after=0.5", "0.5", True),
        ("fault=burst retry-after", None, True),
        ("fault=throttled", None, False),
        ("fault=throttled retry-after=soon", "soon", False),
    ],
)
async def test_a_429_gives_as_much_evidence_as_it_is_told_to(client, marker, wait, unified):
    async with client.post(f"[[sim:{marker}]]", headers=BEARER) as answer:
        pass

    assert answer.status == 429
    assert answer.headers.get("retry-after") == wait
    assert (f"{UNIFIED}-status" in answer.headers) is unified


async def test_any_header_can_be_put_on_a_refusal(sim, client):
    date = "Fri, 20 Nov 2026 17:00:00 GMT"
    sim.fault("503", args={"retry-after": date, "x-should-retry": "false"})
    async with client.post() as answer:
        pass

    assert (answer.headers["retry-after"], answer.headers["x-should-retry"]) == (date, "false")


async def test_a_refused_long_context_names_its_code(client):
    async with client.post("[[sim:fault=long_context]]") as answer:
        error = (await answer.json())["error"]

    assert error["details"] == {"error_code": "long_context_credits_required"}


async def test_tokens_are_counted_without_a_call(sim, client):
    path = "/v1/messages/count_tokens?beta=true"
    async with client.post("x" * 400, path=path) as answer:
        counted = (await answer.json())["input_tokens"]

    assert 100 < counted < 150
    assert sim.calls == []

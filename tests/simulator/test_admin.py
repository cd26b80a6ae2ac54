import base64

import pytest

from simulator.config import Pacing


async def admin(client, path, value=None, method="POST"):
    async with client.session.request(method, f"{client.url}/_sim/{path}", json=value) as answer:
        return answer.status, await answer.json()


async def status_of_a_call(client, **fields):
    async with client.post("hello", **fields) as answer:
        return answer.status


async def test_records_tell_what_came(client):
    async with client.post("hi", path="/v1/messages?beta=true", headers={"X-Api-Key": "sim-bob"}):
        pass
    _, records = await admin(client, "records", method="GET")
    (record,) = records

    assert (record["method"], record["path"], record["query"]) == (
        "POST",
        "/v1/messages",
        "beta=true",
    )
    assert (record["account"], record["status"], record["left"]) == ("bob", 200, False)
    assert record["ended_at"] >= record["started_at"]
    assert b'"hi"' in base64.b64decode(record["body"])
    assert ["X-Api-Key", "sim-bob"] in record["headers"]


async def test_a_reset_forgets_records_and_faults(client):
    await admin(client, "faults", {"fault": "500"})
    await status_of_a_call(client)
    await admin(client, "reset")

    assert (await admin(client, "records", method="GET"))[1] == []
    assert await status_of_a_call(client) == 200
    assert (await admin(client, "tally", method="GET"))[1]["by_account"] == {"alice": 1}


async def test_faults_are_ordered_and_cleared(client):
    await admin(client, "faults", {"fault": "503", "account": "alice"})
    struck = await status_of_a_call(client)
    await admin(client, "faults", method="DELETE")

    assert (struck, await status_of_a_call(client)) == (503, 200)


async def test_a_window_is_used_up_and_time_brings_it_back(client):
    plan = {"windows": {"five_hour": {"budget": 10}}}
    await admin(client, "plans", {"account": "alice", "plan": plan, "used": {"five_hour": 1}})
    _, plans = await admin(client, "plans", method="GET")
    refused = await status_of_a_call(client)
    await admin(client, "clock", {"advance": 18_000})

    assert plans["alice"][0]["used"] == 10
    assert (refused, await status_of_a_call(client)) == (429, 200)


@pytest.mark.parametrize("account", [None, "alice"])
async def test_pacing_is_changed_for_one_account_or_for_all(sim, client, account):
    await admin(client, "pacing", {"account": account, "pacing": {"tokens": 3}})
    async with client.post("hello") as answer:
        usage = (await answer.json())["usage"]

    assert usage["output_tokens"] == 3
    assert (sim.provider.pacing == Pacing(tokens=3)) is (account is None)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("faults", {"fault": "meteor"}),
        ("faults", {"fault": "500", "cuont": 1}),
        ("plans", {"account": "alice", "used": {"fortnight": 1}}),
        ("pacing", {"pacing": {"rate": "fast"}}),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(client, path, value):
    status, body = await admin(client, path, value)

    assert (status, body["error"]["type"]) == (400, "invalid_request_error")


async def test_admin_calls_are_not_recorded(sim, client):
    await admin(client, "tally", method="GET")

    assert sim.records == []

import asyncio
import io

import pytest


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/api/hello", 200),
        ("GET", "/api/hello", 200),
        ("GET", "/v1/models?limit=1000", 200),
        ("GET", "/v1/models/claude-opus-5-5", 200),
    ],
)
async def test_what_clients_ask_at_their_start_is_answered(client, method, path, status):
    async with client.session.request(method, client.url + path) as answer:
        assert answer.status == status


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/models/claude-2", 404, "not_found_error"),
        ("GET", "/v2/messages", 404, "not_found_error"),
        ("GET", "/v1/messages", 405, "invalid_request_error"),
    ],
)
async def test_what_is_not_there_is_refused_in_the_envelope(client, method, path, status, kind):
    async with client.session.request(method, client.url + path) as answer:
        body = await answer.json()

    assert (answer.status, body["type"], body["error"]["type"]) == (status, "error", kind)
    assert body["request_id"] == answer.headers["request-id"]


async def test_a_body_over_32_mib_is_refused(client):
    body = io.BytesIO(b"x" * 33_554_433)
    async with client.session.post(client.url + "/v1/messages", data=body) as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["type"]) == (413, "request_too_large")


async def test_requests_are_recorded_as_they_came(sim, client):
    async with client.session.post(client.url + "/v1/messages%2F..?a=%20b", data=b"\x00\xff"):
        pass
    (record,) = sim.records

    assert (record.path, record.query) == ("/v1/messages%2F..", "a=%20b")
    assert (record.body, record.status) == (b"\x00\xff", 404)


async def test_a_client_that_leaves_is_seen_at_once(sim, client):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), client.post("[[sim:latency=60]]"):
            pass
    await sim.until(lambda: sim.tally.left == 1, seconds=1)

    assert sim.calls[0].left


async def test_many_at_once_are_counted_by_account(sim, client):
    async def call():
        async with client.post("[[sim:latency=0.2]]", headers={"x-api-key": "sim-bob"}):
            pass

    await asyncio.gather(*(call() for _ in range(5)))

    assert sim.tally.most_in_flight == {"bob": 5}
    assert sim.tally.in_flight["bob"] == 0

"""What a request says of itself, and what is refused for what it says."""

import json

import pytest

from tests.proxy.raw_worker import RawWorker, whole

ANSWER = whole(b"{}", b"content-type: application/json")


async def refused(fleet_of, **request):
    """Send a request that never reaches a worker: its status and error."""
    worker = RawWorker(ANSWER)
    async with fleet_of(worker, limits={"body": 10_000}) as fleet:
        async with fleet.http.post(f"{fleet.url}/v1/messages", **request) as answer:
            body = json.loads(await answer.read())

    assert worker.requests == []
    assert body["request_id"] == answer.headers["request-id"]
    return answer.status, body["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"model": 7}',
        b'\xef\xbb\xbf{"model": "x"}',
        b'{"model": "\xff"}',
        b"[" * 9_000,
        b'{"stream": ' + b"9" * 9_000 + b"}",
    ],
)
async def test_a_body_that_is_no_request_is_the_clients_error(fleet_of, body):
    status, error = await refused(fleet_of, data=body)

    assert (status, error["type"]) == (400, "invalid_request_error")


async def test_a_body_over_the_limit_is_refused_before_it_is_read(fleet_of):
    status, error = await refused(fleet_of, data=b"x" * 20_000)

    assert (status, error["type"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("content-encoding", "gzip", 415),
        ("x-headgate-max-wait", "soon", 400),
        ("x-headgate-max-wait", "-1", 400),
        ("x-headgate-max-wait", "999999", 400),
        ("x-headgate-priority", "urgent", 400),
        ("x-session-id", "x" * 300, 400),
        ("authorization", "Bearer another", 401),
    ],
)
async def test_a_header_that_makes_no_sense_is_refused(fleet_of, header, value, expected):
    status, _ = await refused(fleet_of, data=b"{}", headers={header: value})

    assert status == expected


async def test_the_body_goes_on_byte_for_byte(fleet_of):
    body = b'{ "model":"claude-sonnet-5-5" ,"odd":[1.0,1e400], "messages":[] }'
    worker = RawWorker(ANSWER)
    async with fleet_of(worker) as fleet:
        async with fleet.http.post(f"{fleet.url}/v1/messages", data=body) as answer:
            assert answer.status == 200
        line = await fleet.line()

    assert worker.requests[0].partition(b"\r\n\r\n")[2] == body
    assert (line["request_bytes"], line["model"]) == (len(body), "sonnet")


async def test_a_request_may_lower_its_priority_and_name_its_wait(fleet_of):
    headers = {"x-headgate-priority": "batch", "x-headgate-max-wait": "0"}
    async with fleet_of(RawWorker(ANSWER)) as fleet:
        async with fleet.post("hi", headers=headers) as answer:
            assert answer.status == 200


async def test_each_subagent_is_bound_by_itself(fleet_of):
    async with fleet_of(RawWorker(ANSWER)) as fleet:
        for agent in ("", "one", "two", "one"):
            headers = {"x-claude-code-session-id": "S", "x-claude-code-agent-id": agent}
            async with fleet.post("hi", headers=headers) as answer:
                assert answer.status == 200

        assert len(fleet.app.store.affinity) == 3

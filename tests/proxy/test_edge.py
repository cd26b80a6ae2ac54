"""Ids, access lines and errors: one each for every request, whatever happens inside."""

import asyncio
import json

import aiohttp
import pytest

from proxy.access_log import AccessLog
from proxy.edge import Edge
from proxy.errors import AllLimitedError, QueueFullError
from proxy.http1.server import Server
from proxy.metrics import Metrics
from tests.e2e.rig import Lines
from tests.proxy.raw_worker import RawWorker, whole


@pytest.fixture
def serve():
    """A server whose every request is handled so; what it answers, and what it writes."""

    async def serve(handle, path="/v1/messages", method="POST"):
        lines = Lines()
        log = AccessLog(lines, delay=3600)
        edge = Edge(handle, Metrics("test"), log)
        server = Server(edge, edge.reject)
        await server.start("127.0.0.1", 0)
        try:
            url = f"http://127.0.0.1:{server.port}{path}"
            async with aiohttp.ClientSession() as http, http.request(method, url) as answer:
                body = await answer.read()
        finally:
            await server.close()
        log.flush()
        (line,) = map(json.loads, lines.getvalue().splitlines())
        return answer, json.loads(body), line

    return serve


def raising(error):
    async def handle(exchange, trip):
        raise error

    return handle


async def test_a_crash_is_a_plain_500_and_tells_nothing(serve):
    answer, body, line = await serve(raising(KeyError("sk-canary")))

    assert (answer.status, body["error"]["type"]) == (500, "api_error")
    assert "canary" not in json.dumps([body, line])
    assert (line["status"], line["outcome"]) == (500, "internal")


async def test_every_answer_has_its_id_twice_and_in_the_line(serve):
    answer, body, line = await serve(raising(QueueFullError("full", retry_after=1.5)))

    assert answer.headers["request-id"] == answer.headers["x-request-id"] == line["id"]
    assert body["request_id"] == line["id"]


async def test_a_short_wait_is_told_in_seconds_and_milliseconds(serve):
    answer, body, _ = await serve(raising(QueueFullError("full", retry_after=1.5)))

    assert (answer.status, body["error"]["type"]) == (529, "overloaded_error")
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("2", "1500")
    assert "x-should-retry" not in answer.headers


async def test_a_long_wait_is_not_to_be_slept_through(serve):
    answer, _, _ = await serve(raising(AllLimitedError("rests", retry_after=18_000)))

    assert answer.headers["retry-after"] == "18000"
    assert answer.headers["x-should-retry"] == "false"


async def test_errors_speak_the_dialect_of_their_endpoint(serve):
    _, body, _ = await serve(raising(QueueFullError("full")), path="/v1/chat/completions")

    assert body["error"] == {
        "message": "full",
        "type": "overloaded_error",
        "param": None,
        "code": None,
    }


async def test_what_is_refused_for_its_shape_has_an_id_and_a_line_too(fleet_of):
    async with fleet_of(RawWorker(whole(b"{}"))) as fleet:
        reader, writer = await asyncio.open_connection("127.0.0.1", fleet.app.data_port)
        writer.write(b"GET /v1/models HTTP/1.1\r\nhost : x\r\n\r\n")
        got = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        line = await fleet.line()
    body = json.loads(got.partition(b"\r\n\r\n")[2])

    assert got.startswith(b"HTTP/1.1 400 ")
    assert body["error"]["type"] == "invalid_request_error"
    assert (line["outcome"], line["status"], line["route"]) == ("malformed", 400, "models")
    assert body["request_id"] == line["id"]


async def test_a_client_that_leaves_is_a_499_in_the_line(fleet_of):
    never = asyncio.Event()
    worker = RawWorker(never)
    async with fleet_of(worker) as fleet:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), fleet.post("hi"):
                pass
        line = await fleet.line()

    assert (line["status"], line["outcome"]) == (499, "client_gone")
    assert line["verdicts"] == ["aborted"]


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("OPTIONS", "/v1/messages", 204, "POST, OPTIONS"),
        ("GET", "/api/hello", 200, None),
        ("HEAD", "/api/hello", 200, None),
        ("GET", "/v1/messages", 405, None),
        ("POST", "/v1/elsewhere", 404, None),
        ("OPTIONS", "/v1/elsewhere", 404, None),
    ],
)
async def test_some_things_need_no_account(fleet_of, method, path, status, allow):
    worker = RawWorker(whole(b"{}"))
    async with fleet_of(worker) as fleet:
        async with fleet.http.request(method, fleet.url + path) as answer:
            pass

    assert (answer.status, answer.headers.get("allow")) == (status, allow)
    assert worker.requests == []


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/models", "/api/hello", "/nowhere"])
async def test_no_path_answers_without_a_key(fleet_of, path):
    async with fleet_of(RawWorker(whole(b"{}"))) as fleet, aiohttp.ClientSession() as stranger:
        for method in ("GET", "POST", "OPTIONS"):
            async with stranger.request(method, fleet.url + path) as answer:
                assert answer.status == 401

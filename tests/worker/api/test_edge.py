"""The one place that names, guards, answers and accounts for requests."""

from time import time

import msgspec
import pytest
import structlog
from structlog.testing import capture_logs

from tests.worker.rig import ASK, BASE, Scripted, serving
from worker.app import make_runner
from worker.archive import Exchange
from worker.config import parse
from worker.core.history import Utterance, chain

SESSION = "5" * 32
KEPT = Exchange("msg_1", SESSION, "claude-x", time(), ASK, {"role": "assistant", "content": []})
ITEM = "msg_" + chain(b"", [Utterance("user", [{"type": "text", "text": "hi"}])]).hex()
"""The id of what was asked in that session."""


def asked_of(resource: str) -> str:
    """A path that a route answers with a 200."""
    kind = resource.rpartition("/{id}")[0]
    named = {"/v1/models": "claude-x", "/v1/responses": KEPT.id}.get(kind, SESSION)
    return resource.replace("{id}", named).replace("{item}", ITEM)


def routes() -> list[tuple[str, str]]:
    """Every route there is."""
    table = make_runner(parse(BASE, {}), Scripted()).app.router.routes()
    found = [(route.method, asked_of(route.resource.canonical)) for route in table]
    return [route for route in found if route[0] != "HEAD"]


ROUTES = routes()
OPEN = [("GET", "/health/live"), ("GET", "/livez")]
GUARDED = [route for route in ROUTES if route not in OPEN]
TOKEN = "a-worker-token"


@pytest.mark.parametrize(("method", "path"), [*GUARDED, ("GET", "/none"), ("PUT", "/state")])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer \udcff\udcfe"},
        {"authorization": ""},
        {"x-api-key": TOKEN},
        [("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer other")],
    ],
)
async def test_nothing_is_served_without_the_token(engine, method, path, headers):
    async with serving(engine, token=TOKEN) as worker:
        url = worker.url + path
        async with worker.session.request(method, url, headers=headers) as answer:
            body = await answer.json()

    assert answer.status == 401
    assert body["error"]["type"] == "authentication_error"
    assert answer.headers["x-headgate-verdict"] == "auth"
    assert answer.headers["x-headgate-started"] == "0"
    assert engine.turns == []


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_everything_is_served_with_it(engine, method, path):
    async with serving(engine, token=TOKEN) as worker:
        worker.parts.archive.keep("local", KEPT)
        asked = worker.session.request(
            method,
            worker.url + path,
            data=msgspec.json.encode(ASK | {"input": "hi"}) if method == "POST" else None,
            headers={"authorization": f"bearer {TOKEN}"},
        )
        async with asked as answer:
            assert answer.status == 200


@pytest.mark.parametrize(("method", "path"), OPEN)
async def test_only_whether_it_lives_is_told_without_a_token(engine, method, path):
    async with serving(engine, token=TOKEN) as worker:
        async with worker.session.request(method, worker.url + path) as answer:
            assert answer.status == 200
            assert await answer.json() == {"status": "ok"}


async def test_without_a_token_loopback_is_served_but_no_page_of_a_browser(worker):
    async with worker.get("/state") as plain:
        assert plain.status == 200
    async with worker.get("/state", headers={"origin": "http://evil.example"}) as page:
        assert page.status == 401


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("POST", "/", 404, "not_found_error"),
        ("POST", "/v1/messages/", 404, "not_found_error"),
        ("POST", "//v1/messages", 404, "not_found_error"),
        ("POST", "/V1/messages", 404, "not_found_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("GET", "/v1/models/unknown", 404, "not_found_error"),
        ("GET", "/v1/messages", 405, "invalid_request_error"),
        ("DELETE", "/v1/models", 405, "invalid_request_error"),
        ("POST", "/state", 405, "invalid_request_error"),
    ],
)
async def test_what_is_not_there_is_said_in_the_envelope(worker, method, path, status, kind):
    async with worker.session.request(method, worker.url + path) as answer:
        body = await answer.json()

    assert answer.status == status
    assert body["type"] == "error"
    assert body["error"]["type"] == kind
    assert answer.headers["x-headgate-verdict"] == "client_error"
    assert ("allow" in answer.headers) is (status == 405)


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions/c1", "/v1/conversations/c/x", "/v1/responses/r1/x"]
)
async def test_openai_paths_are_refused_in_their_own_dialect(worker, path):
    async with worker.post(path=path) as answer:
        body = await answer.json()

    assert answer.status == 404
    assert body == {
        "error": {
            "message": "no such path",
            "type": "not_found_error",
            "param": None,
            "code": None,
        }
    }


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "\udcff"])
async def test_a_request_id_that_is_not_one_printable_token_is_replaced(worker, given):
    async with worker.get("/health/x", headers={"x-request-id": given}) as answer:
        body = await answer.json()

    assert len(answer.headers["x-request-id"]) == 32
    assert body["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]


async def test_one_line_tells_of_a_request_and_nothing_of_its_words(worker):
    structlog.reset_defaults()
    secret = ASK | {"messages": [{"role": "user", "content": "canary-words"}]}
    with capture_logs() as lines:
        async with worker.post(secret, headers={"x-request-id": "r-1"}) as answer:
            await answer.read()
        async with worker.get("/canary-path") as answer:
            await answer.read()

    first, second = lines
    assert first.pop("seconds") >= 0
    assert first == {
        "event": "request",
        "log_level": "info",
        "method": "POST",
        "route": "/v1/messages",
        "status": 200,
        "verdict": "ok",
        "request_id": "r-1",
    }
    assert (second["route"], second["status"], second["verdict"]) == (
        "unknown",
        404,
        "client_error",
    )
    assert "canary" not in str(lines)


async def test_requests_are_counted_by_route_and_verdict(worker):
    for path in ("/v1/models", "/v1/models/unknown", "/nowhere/at/all"):
        async with worker.get(path) as answer:
            await answer.read()
    async with worker.get("/metrics") as answer:
        text = await answer.text()

    name = "headgate_worker_request_seconds_count"
    assert f'{name}{{route="/v1/models",verdict="ok"}} 1.0' in text
    assert f'{name}{{route="/v1/models/{{id}}",verdict="client_error"}} 1.0' in text
    assert f'{name}{{route="unknown",verdict="client_error"}} 1.0' in text
    assert "headgate_worker_turns_in_flight 0.0" in text
    assert "_created" not in text

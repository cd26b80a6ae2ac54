"""What is made of workers that answer well, badly, late or not at all."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from proxy.core.session import Peek, session_key
from tests.e2e.rig import team
from tests.proxy.raw_worker import RawWorker, whole

JSON = b"content-type: application/json"
KEY = session_key("alice", {"x-session-id": "mine"}, Peek())
ONE = f"/v1/sessions/{KEY}"
NONE = {"type": "error", "error": {"type": "not_found_error", "message": "no such session"}}


def telling(value, status=b"200 OK"):
    return RawWorker(whole(json.dumps(value).encode(), JSON, status=status))


def session(last_used_at, **fields):
    told = {"id": KEY, "account": "own", "created_at": 1.5, "last_used_at": last_used_at}
    return told | {"turns": 1, "usage": {"input_tokens": 3}} | fields


@pytest.fixture
def ask(tmp_path):
    """Ask a proxy with these workers, w0, w1 …, of whose states nobody hears."""

    async def ask(path, *workers, method="GET", **config):
        async with AsyncExitStack() as stack:
            for worker in workers:
                await stack.enter_async_context(worker)
            accounts = [
                {"name": f"w{number}", "url": worker.url, "token": "worker-token-0123456789"}
                for number, worker in enumerate(workers)
            ]
            fleet = await stack.enter_async_context(team(tmp_path, accounts, None, **config))
            fleet.app.prober.replace(())
            for one in accounts:
                fleet.app.pool.set_ready(one["name"], ready=True)
            fleet.app.gateway.census.patience = 0.3
            asked = fleet.http.request(method, fleet.url + path)
            answer = await stack.enter_async_context(asked)
            return answer.status, await answer.json()

    return ask


BAD = [
    telling({"no": "page"}),
    RawWorker(whole(b"garbage", JSON)),
    telling(NONE, b"500 Oops"),
    telling(NONE, b"401 Unauthorized"),
    RawWorker(close=True),
    RawWorker(asyncio.Event()),
    telling({"data": [], "has_more": True}),
]


@pytest.mark.parametrize("bad", BAD)
async def test_a_list_says_when_a_worker_has_not_told_all(ask, bad):
    status, page = await ask("/v1/sessions", telling({"data": [session(2)]}), bad)

    assert (status, page["partial"]) == (200, True)
    assert [each["id"] for each in page["data"]] == [KEY]


async def test_a_session_that_moved_is_summed_up(ask):
    found = telling(session(2)), telling(session(3)), telling(NONE, b"404 Not Found")
    status, told = await ask(ONE, *found, expose_account=True)

    assert status == 200
    assert (told["account"], told["turns"], told["usage"]) == ("w1", 2, {"input_tokens": 6})


async def test_a_session_says_if_another_worker_might_know_more_of_it(ask):
    _, told = await ask(ONE, telling(session(2)), telling(NONE, b"500 Oops"))

    assert (told["turns"], told["partial"]) == (1, True)


async def test_accounts_are_not_named_unless_they_may_be(ask):
    _, told = await ask(ONE, telling(session(2)))
    _, page = await ask("/v1/sessions", telling({"data": [session(2)]}))

    assert told["account"] is page["data"][0]["account"] is None


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("others", "status"),
    [
        ([telling(NONE, b"404 Not Found")], 404),
        ([telling(NONE, b"404 Not Found"), telling(NONE, b"500 Oops")], 503),
    ],
)
async def test_only_what_everybody_denies_is_not_there(ask, method, others, status):
    answered, body = await ask(ONE, *others, method=method)

    assert answered == status
    assert body["type"] == "error"


async def test_what_only_some_have_forgotten_is_said_to_be_so(ask):
    deleted = {"id": KEY, "object": "session.deleted", "deleted": True}
    missing = telling(NONE, b"500 Oops")

    assert await ask(ONE, telling(deleted), method="DELETE") == (200, deleted)
    assert await ask(ONE, telling(deleted), missing, method="DELETE") == (
        200,
        deleted | {"partial": True},
    )


async def test_a_key_that_is_not_the_clients_reaches_no_worker(ask):
    worker = telling(session(2))
    status, _ = await ask(f"/v1/sessions/{'0' * 32}", worker)

    assert status == 404
    assert not [raw for raw in worker.requests if b"/v1/sessions" in raw]


async def test_a_worker_is_told_the_client_and_gets_no_credential_of_it(ask):
    worker = telling({"data": []})
    await ask("/v1/sessions?limit=3", worker)
    (raw,) = [raw for raw in worker.requests if b"/v1/sessions" in raw]

    assert raw.startswith(b"GET /v1/sessions?limit=1000 HTTP/1.1\r\n")
    assert b"\r\nx-headgate-client: alice\r\n" in raw
    assert b"x-api-key" not in raw

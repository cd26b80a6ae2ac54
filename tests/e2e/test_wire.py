"""Pins docs/wire.md: what proxy and worker say to each other, both sides as they really are."""

import json
import re
from pathlib import Path

import aiohttp
import pytest

from proxy.core import probe, verdict
from tests.e2e.rig import MODEL, WORKER_TOKEN, api_engine, team, worker
from tests.proxy.raw_worker import RawWorker, whole
from tests.simulator_rig import Simulator
from worker.core import verdict as worker_verdict

PAGE = (Path(__file__).parents[2] / "docs/wire.md").read_text()
ASK = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
async def simulator():
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def ann(tmp_path, simulator):
    async with worker("ann", api_engine("ann", simulator), tmp_path) as ann:
        yield ann


@pytest.fixture
async def http():
    headers = {"authorization": f"Bearer {WORKER_TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield http


def test_both_sides_use_the_words_of_the_page():
    row = next(line for line in PAGE.splitlines() if line.startswith("| `x-headgate-verdict`"))
    words = set(re.findall(r"`(\w+)`", row.split("|")[2]))

    assert words <= {kind.value for kind in verdict.Kind}
    assert words <= {kind.value for kind in worker_verdict.Kind}
    assert {scope.value for scope in verdict.Scope} == {s.value for s in worker_verdict.Scope}


@pytest.mark.parametrize(
    ("fault", "status", "kind", "scope", "started"),
    [
        ("burst", 429, "burst", "account", "0"),
        ("throttled", 429, "throttled", "request", "0"),
        ("529", 529, "overloaded", "request", "0"),
        ("401", 401, "auth", "account", "0"),
        ("402", 402, "billing", "account", "0"),
        ("400", 400, "client_error", "request", "0"),
        ("404", 404, "client_error", "request", "0"),
        ("500", 500, "worker_error", "request", "1"),
        ("refused", 502, "worker_error", "request", "1"),
        ("cut", 502, "worker_error", "request", "1"),
    ],
)
async def test_a_failure_carries_its_verdict(
    simulator, ann, http, fault, status, kind, scope, started
):
    args = {"retry-after": "5"} if fault == "burst" else {}
    simulator.fault(fault, count=None, args=args)
    async with http.post(f"{ann.url}/v1/messages", json=ASK) as answer:
        body = await answer.json()

    told = {name: answer.headers[f"x-headgate-{name}"] for name in ("verdict", "scope", "started")}
    assert answer.status == status
    assert told == {"verdict": kind, "scope": scope, "started": started}
    assert body["type"] == "error"


async def test_a_limit_names_its_reset(tmp_path, simulator, http):
    engine = api_engine("ann", simulator)
    engine["api"]["headers"] = {"authorization": "Bearer sim-ann"}
    del engine["api"]["key"]
    simulator.exhaust("ann", resets_in=3600)
    async with worker("ann", engine, tmp_path) as ann:
        async with http.post(f"{ann.url}/v1/messages", json=ASK) as answer:
            until = float(answer.headers["x-headgate-until"])
        async with http.get(f"{ann.url}/state") as answer:
            state = await answer.json()

    assert answer.headers.get("x-headgate-verdict") is None
    assert state["limit"]["kind"] == "quota"
    assert state["limit"]["until"] == until


async def test_a_state_has_every_field_of_the_page_and_the_proxy_reads_it(ann, http):
    example = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])
    async with http.get(f"{ann.url}/state") as answer:
        raw = await answer.read()
    state = json.loads(raw)

    assert state.keys() == example.keys()
    assert state["slots"].keys() == example["slots"].keys()
    assert state["login"].keys() == example["login"].keys()
    assert probe.read_probe(raw).ready is True
    assert probe.read_probe(json.dumps(example).encode()).limit.kind == "quota"


async def test_a_worker_is_told_what_the_page_says_and_nothing_more(tmp_path):
    received = RawWorker(whole(b"{}", b"content-type: application/json"))
    async with received:
        account = {"name": "ann", "url": received.url, "token": WORKER_TOKEN}
        async with team(tmp_path, [account], None) as fleet:
            fleet.app.prober.replace(())
            fleet.app.pool.set_ready("ann", ready=True)
            forged = {"x-headgate-client": "eve", "x-forwarded-for": "1.2.3.4", "cookie": "a=b"}
            async with fleet.post("hi", headers=forged) as answer:
                assert answer.status == 200
    request = next(r for r in received.requests if r.startswith(b"POST"))
    head, _, _ = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().lower().splitlines()[1:])

    assert headers["authorization"] == f"bearer {WORKER_TOKEN}"
    assert headers["x-headgate-client"] == "alice"
    assert re.fullmatch(r"[0-9a-f]{32}", headers["x-headgate-session"])
    assert headers.keys() == {
        "host",
        "accept",
        "authorization",
        "content-length",
        "content-type",
        "user-agent",
        "x-headgate-client",
        "x-headgate-session",
        "x-request-id",
    }


@pytest.mark.parametrize("token", [None, "Bearer wrong-token-0123456789"])
async def test_without_its_token_a_worker_serves_nobody(ann, token):
    headers = {"authorization": token} if token else {}
    async with aiohttp.ClientSession(headers=headers) as stranger:
        for path in ("/v1/messages", "/v1/models", "/state", "/metrics"):
            async with stranger.get(ann.url + path) as answer:
                assert answer.status == 401

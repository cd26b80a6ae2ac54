"""What the real claude CLI meets at its provider, as a worker tells it.

A failed turn costs a process, so each kind of login is asked in two forms of its own; test_recorded
asks in all of them.
"""

import asyncio
import json
import time
from contextlib import AsyncExitStack

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.forms import CHAT, MESSAGES, RESPONSES, ask_in
from tests.e2e.rig import WORKER_TOKEN, cli_engine, worker
from tests.simulator_rig import Simulator

pytestmark = [pytest.mark.cli, pytest.mark.asyncio(loop_scope="module")]

LOGINS = {"login": "CLAUDE_CODE_OAUTH_TOKEN", "key": "ANTHROPIC_API_KEY"}
FORMS = {
    "login": ((MESSAGES, False), (CHAT, True)),
    "key": ((MESSAGES, True), (RESPONSES, True)),
}
MODEL_LIMIT = (429, "model_limit", "model", "0")
BURST = (429, "burst", "account", "0")
BAD = ("client_error", "request", "0")
BROKE = ("worker_error", "request", "1")
NO_LOGIN = (401, "auth", "account", "0")
NO_MONEY = (402, "billing", "account", "0")

OF_ONE_KIND = [
    ("login", "rejected reset=1800", (429, "quota", "account", "0")),
    ("login", "rejected window=seven_day reset=90000", (429, "quota", "account", "0")),
    ("login", "rejected window=seven_day_opus reset=1800", MODEL_LIMIT),
    ("login", "rejected window=seven_day_overage_included reset=1800", MODEL_LIMIT),
    # Windows that refuse nothing, or none at all: too much at once, and no quota.
    ("login", "burst", BURST),
    ("login", "throttled", BURST),
    # A key knows no windows, and the CLI tells no wait of over a minute.
    ("key", "burst retry-after=40", BURST),
    ("key", "burst retry-after=1800", (429, "quota", "account", "0")),
    ("key", "throttled", (429, "throttled", "request", "0")),
]
OF_BOTH = [
    ("long_context", (400, *BAD)),
    ("529", (529, "overloaded", "request", "0")),
    ("error_first", (529, "overloaded", "request", "0")),
    ("500", (500, *BROKE)),
    ("502", (502, *BROKE)),
    ("503", (503, *BROKE)),
    ("504", (502, *BROKE)),
    ("401", NO_LOGIN),
    ("403", NO_LOGIN),
    ("org_not_allowed", NO_LOGIN),
    ("credit", NO_MONEY),
    ("402", NO_MONEY),
    ("too_long", (400, *BAD)),
    ("400", (400, *BAD)),
    ("413", (413, *BAD)),
    ("404", (404, *BAD)),
    ("refused", (502, *BROKE)),
    ("json_error", (502, *BROKE)),
    ("empty", (502, *BROKE)),
]
REFUSED = [
    *OF_ONE_KIND,
    *((login, *row) for login in LOGINS for row in OF_BOTH),
]
BROKEN = "[[sim:tokens=60 rate=100]] [[sim:fault={}]]"
"""Slow enough for the CLI to see what comes before the break."""
OWN = (b"127.0.0.1", b"-home", b"gateway", b"session")
"""What the CLI says to its own user: where it is and what it talks to."""
WAITS = {"burst retry-after=40": (38, 51), "burst retry-after=1800": (61, 61)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers(tmp_path_factory):
    """A client of one warm worker for each kind of login; silence is told soon."""
    folder = tmp_path_factory.mktemp("workers")
    patience = {"first_event": 6, "stall": 6}
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator())
        clients = {}
        for name, credential in LOGINS.items():
            engine = cli_engine(
                name, simulator, folder, credential, warm=4, max_processes=6, timeouts=patience
            )
            process = await stack.enter_async_context(worker(name, engine, folder))
            headers = {"authorization": f"Bearer {WORKER_TOKEN}"}
            client = aiohttp.ClientSession(process.url, headers=headers)
            clients[name] = await stack.enter_async_context(client)
        yield clients


@pytest.mark.parametrize(("login", "fault", "expected"), REFUSED)
async def test_a_refusal_is_a_status_with_its_verdict_in_every_form(
    workers, login, fault, expected
):
    answers = await ask_in(FORMS[login], workers[login], f"[[sim:tokens=30]] [[sim:fault={fault}]]")
    _, named, reset = fault.partition(" reset=")

    for told in answers:
        assert (told.status, *told.verdict) == expected
        assert told.clean
        assert not any(own in told.body for own in OWN)
        assert json.loads(told.body)["error"]["message"]
        until = told.headers.get("x-headgate-until")
        assert bool(until) is bool(named)
        if until:
            assert float(until) - time.time() == pytest.approx(float(reset), abs=60)
        if fault in WAITS:
            least, most = WAITS[fault]
            assert least <= int(told.headers["retry-after"]) <= most


@pytest.mark.parametrize("fault", ["cut", "reset", "error_mid"])
@pytest.mark.parametrize("login", LOGINS)
async def test_a_stream_that_breaks_is_one_error_and_a_cut_and_a_status_where_none_was_asked(
    workers, login, fault
):
    answers = await ask_in(FORMS[login], workers[login], BROKEN.format(fault))

    for told in answers:
        assert_broken(told, (502, *BROKE))


@pytest.mark.parametrize("login", LOGINS)
async def test_a_stream_that_lacks_nothing_but_its_last_event_is_whole(workers, login):
    answers = await ask_in(FORMS[login], workers[login], "say: all of it [[sim:fault=no_stop]]")

    for told in answers:
        assert (told.status, told.clean) == (200, True)
        assert told.dialect.end in told.body or not told.streamed


@pytest.mark.parametrize("login", LOGINS)
async def test_a_provider_that_falls_silent_is_timed_out_in_every_form(workers, login):
    faults = ("hang", "stall")
    asked = [ask_in(FORMS[login], workers[login], BROKEN.format(fault)) for fault in faults]
    hung, stalled = await asyncio.gather(*asked)

    late = (504, "timeout", "request", "1")
    for told in hung:
        assert (told.status, *told.verdict, told.clean) == (*late, True)
    for told in stalled:
        assert_broken(told, late)


def assert_broken(told, expected):
    """A stream that had begun ends in one error and a cut; anything else is a status."""
    if not told.streamed:
        assert (told.status, *told.verdict, told.clean) == (*expected, True)
        return
    last = told.body.rstrip().rpartition(b"\n\n")[2]
    assert (told.status, told.clean) == (200, False)
    assert told.body.count(told.dialect.error) == 1
    assert last.startswith(told.dialect.error)
    assert told.dialect.end not in told.body

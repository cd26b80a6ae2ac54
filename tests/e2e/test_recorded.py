"""A whole worker around a CLI that writes what the real one wrote: every failure in every form."""

import asyncio
import json
from contextlib import AsyncExitStack

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.forms import FORMS, MESSAGES, ask, ask_in
from tests.worker.engines.cli_rig import settings
from tests.worker.recorded import FAILURES, RESET, player
from tests.worker.rig import serving
from worker.engines.cli import CliEngine

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = RESET - 10_000
MID_STREAM = ("fault_error_mid", "fault_cut")
"""The CLI had given something of the message before it broke."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    told = {"command": player(folder), "selftest": False, "max_processes": 8}
    engine = CliEngine(settings(folder, "http://127.0.0.1:9", **told), clock=lambda: NOW)
    async with AsyncExitStack() as stack:
        await engine.start()
        stack.push_async_callback(engine.stop)
        served = await stack.enter_async_context(serving(engine))
        yield await stack.enter_async_context(aiohttp.ClientSession(served.url))


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_is_told_alike_in_every_form(http, name):
    verdict, status, _ = FAILURES[name]
    for told in await ask_in(FORMS, http, name):
        if told.streamed and name in MID_STREAM:
            assert_cut(told)
            continue
        started = str(int(verdict.started))
        assert (told.status, told.clean) == (status, True)
        assert told.verdict == (verdict.kind.value, verdict.scope.value, started)
        assert json.loads(told.body)["error"]["message"]
        assert ("x-headgate-until" in told.headers) == (verdict.until == RESET)
        waits = verdict.until is not None or verdict.retry_after is not None
        assert ("retry-after" in told.headers) == waits


def assert_cut(told):
    """What had come, one error, and no end."""
    last = told.body.rstrip().rpartition(b"\n\n")[2]
    assert (told.status, told.clean) == (200, False)
    assert told.body.count(told.dialect.error) == 1
    assert last.startswith(told.dialect.error)
    assert told.dialect.end not in told.body


async def test_an_answer_is_told_to_its_end_in_every_form(http):
    for told in await ask_in(FORMS, http, "answered"):
        assert (told.status, told.clean) == (200, True)
        assert (told.dialect.end in told.body) is told.streamed


async def test_calls_that_the_cli_defers_are_the_clients(http):
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    told = await ask(http, "tools", MESSAGES, stream=False, tools=tools)
    said = json.loads(told.body)

    assert said["stop_reason"] == "tool_use"
    assert [(b["name"], b["input"]) for b in said["content"]] == [
        ("look", {"at": "a"}),
        ("look", {"at": "b"}),
    ]


async def test_a_message_that_runs_into_max_tokens_ends_before_the_cli_goes_on(http):
    told = await ask(http, "max_tokens", MESSAGES, stream=True)

    assert told.body.count(b"event: message_start\n") == 1
    assert b'"stop_reason":"max_tokens"' in told.body
    assert told.clean


async def test_many_at_once_keep_apart(http):
    names = [*FAILURES, "answered"]
    answers = await asyncio.gather(*(ask(http, name, MESSAGES, stream=False) for name in names))

    expected = [FAILURES[name][1] if name in FAILURES else 200 for name in names]
    assert [told.status for told in answers] == expected

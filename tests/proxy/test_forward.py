"""One attempt: what an answer, or none, is taken for, and what is counted of it."""

import json

import pytest

from tests.e2e.rig import team
from tests.proxy.raw_worker import RawWorker, whole

JSON = b"content-type: application/json"
TELLING = b"anthropic-ratelimit-unified-5h-utilization: 0.5"
RESET = b"anthropic-ratelimit-unified-5h-reset: 4102444800"


def failure(kind, *headers, status):
    body = json.dumps({"type": "error", "error": {"type": kind, "message": "x"}}).encode()
    return RawWorker(whole(body, JSON, *headers, status=status))


@pytest.mark.parametrize(
    ("worker", "verdict", "status"),
    [
        (failure("overloaded_error", status=b"529 Overloaded"), "overloaded", 529),
        (failure("invalid_request_error", status=b"400 Bad Request"), "client_error", 400),
        (failure("authentication_error", status=b"401 Unauthorized"), "auth", 503),
        (failure("billing_error", status=b"402 Payment Required"), "billing", 503),
        (failure("rate_limit_error", b"retry-after: 3600", status=b"429 Slow"), "quota", 429),
        (failure("api_error", status=b"500 Oops"), "worker_error", 502),
        (
            RawWorker(b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"),
            "worker_error",
            502,
        ),
        (RawWorker(b"garbage\r\n\r\n"), "worker_error", 502),
        (RawWorker(close=True), "worker_error", 502),
    ],
)
async def test_an_answer_means_something_for_its_account_and_for_the_client(
    fleet_of, worker, verdict, status
):
    async with fleet_of(worker, queue={"max_wait": 0}) as fleet:
        answered, _ = await fleet.bytes()
        line = await fleet.line()

    assert answered == status
    assert line["verdicts"][0] == verdict
    assert line["account"] == "ann"


async def test_a_workers_own_verdict_goes_before_its_status(fleet_of):
    told = (b"x-headgate-verdict: quota", b"x-headgate-scope: account", b"x-headgate-started: 0")
    async with fleet_of(
        failure("api_error", *told, status=b"500 Oops"), queue={"max_wait": 0}
    ) as f:
        status, _ = await f.bytes()
        line = await f.line()

    assert (status, line["verdicts"]) == (429, ["quota"])


async def test_nothing_was_sent_to_a_worker_that_is_not_there(tmp_path):
    nowhere = {"name": "ann", "url": "http://127.0.0.1:1", "headers": {"x-api-key": "dummy-key"}}
    async with team(tmp_path, [nowhere], None) as fleet:
        async with fleet.post("hi") as answer:
            body = await answer.json()
        line = await fleet.line()

    assert (answer.status, body["error"]["type"]) == (502, "api_error")
    assert line["verdicts"] == ["worker_error"]


@pytest.mark.parametrize("exposed", [False, True])
async def test_the_accounts_alias_is_told_only_if_the_operator_wants_it(fleet_of, exposed):
    async with fleet_of(RawWorker(whole(b"{}", JSON)), expose_account=exposed) as fleet:
        async with fleet.post("hi") as answer:
            told = answer.headers.get("x-headgate-account")

    assert told == ("ann" if exposed else None)


async def test_the_accounts_own_limits_stay_between_us_and_the_upstream(fleet_of):
    async with fleet_of(RawWorker(whole(b"{}", JSON, TELLING, RESET, b"set-cookie: a=b"))) as fleet:
        async with fleet.post("hi") as answer:
            names = {name.lower() for name in answer.headers}
        await fleet.line()
        (window,) = (await fleet.states())["ann"].windows

    assert (window.name, window.utilization) == ("five_hour", 0.5)
    assert names == {"content-type", "content-length", "request-id", "x-request-id"}


async def test_attempts_and_tokens_are_counted(fleet_of):
    body = b'{"usage": {"input_tokens": 3, "output_tokens": 4}}'
    async with fleet_of(RawWorker(whole(body, JSON))) as fleet:
        await fleet.bytes()
        await fleet.line()
        text = fleet.app.metrics.render(await fleet.app.pool.states()).decode()

    labels = 'account="ann",client="alice",family="sonnet"'
    assert f'headgate_tokens_total{{{labels},kind="input"}} 3.0' in text
    assert f'headgate_tokens_total{{{labels},kind="output"}} 4.0' in text
    assert 'headgate_attempts_total{account="ann",verdict="ok"} 1.0' in text

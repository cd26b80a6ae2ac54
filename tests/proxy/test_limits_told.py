"""What clients hear of limits: of their own all, of the accounts' nothing."""

import asyncio

import aiohttp
import pytest

from proxy.core.account import ANY_MODEL, AccountName
from proxy.core.cooldown import Cooldown, Reason
from tests.proxy.limits_rig import ANSWER, BEGINNING, ENDING, limited
from tests.proxy.pool_rig import until
from tests.proxy.raw_worker import LAST, whole

PACED = {"requests_per_minute": 60, "burst": 2}
REFUSED = whole(
    b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}',
    b"content-type: application/json",
    b"anthropic-ratelimit-tokens-remaining: 12",
    status=b"400 Bad Request",
)


def of_limits(headers):
    """The headers that speak of limits, with their values."""
    return {
        name.lower(): value
        for name, value in headers.items()
        if "ratelimit" in name.lower() or name.lower().startswith("retry-after")
    }


@pytest.mark.parametrize(
    ("answer", "body", "status"),
    [
        ((ANSWER,), {}, 200),
        ((BEGINNING, ENDING, LAST), {"stream": True}, 200),
        ((REFUSED,), {}, 400),
    ],
)
async def test_answers_tell_what_is_left_of_the_clients_own_limits(tmp_path, answer, body, status):
    async with limited(tmp_path, *answer, limits=PACED) as fleet:
        async with fleet.post("hi", **body) as got:
            await got.read()

    told = of_limits(got.headers)
    assert got.status == status
    assert told.pop("anthropic-ratelimit-requests-reset")
    assert told == {
        "ratelimit-policy": '"requests";q=60;w=60',
        "ratelimit": '"requests";r=1;t=1',
        "anthropic-ratelimit-requests-limit": "60",
        "anthropic-ratelimit-requests-remaining": "1",
    }


async def test_who_has_no_limits_hears_of_none_and_never_of_the_accounts(tmp_path):
    async with limited(tmp_path) as fleet, fleet.post("hi") as answer:
        assert of_limits(answer.headers) == {}


async def test_openais_dialect_has_headers_of_its_own(tmp_path):
    body = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "hi"}]}
    async with limited(tmp_path, limits=PACED) as fleet:
        async with fleet.http.post(f"{fleet.url}/v1/chat/completions", json=body) as answer:
            told = of_limits(answer.headers)

    assert told["x-ratelimit-remaining-requests"] == "1"
    assert not any(name.startswith("anthropic") for name in told)


async def test_a_refusal_tells_to_the_millisecond_when_to_come_again(tmp_path):
    async with limited(tmp_path, limits=PACED) as fleet:
        for _ in range(2):
            await fleet.ask("hi")
        async with fleet.post("hi") as answer:
            error = (await answer.json())["error"]

        assert (answer.status, error["type"]) == (429, "rate_limit_error")
        assert 900 < int(answer.headers["retry-after-ms"]) <= 1000
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["ratelimit"] == '"requests";r=0;t=2'
        assert "x-should-retry" not in answer.headers


async def test_a_days_budget_ends_at_midnight_and_the_message_says_when(tmp_path):
    async with limited(tmp_path, limits={"tokens_per_day": 12}) as fleet:
        first, _ = await fleet.ask("hi")
        async with fleet.post("hi") as answer:
            message = (await answer.json())["error"]["message"]

    assert (first, answer.status) == (200, 429)
    long = int(answer.headers["retry-after"]) > 60  # not in the last minute of a day
    assert message.startswith("Your tokens for this day are used up.")
    assert message.endswith("T00:00:00Z.") is long
    assert (answer.headers.get("x-should-retry") == "false") is long


@pytest.mark.parametrize(("seconds", "told"), [(7200, True), (45, False)])
async def test_a_long_wait_for_accounts_is_told_with_its_end(tmp_path, seconds, told):
    async with limited(tmp_path, queue={"max_wait": 0}) as fleet:
        until_ = fleet.app.pool.now() + seconds
        await fleet.app.store.rest(AccountName("ann"), ANY_MODEL, Cooldown(until_, Reason.QUOTA))
        async with fleet.post("hi") as answer:
            message = (await answer.json())["error"]["message"]

    assert answer.status == 429
    assert ("Try again at 20" in message) is told
    assert (answer.headers.get("x-should-retry") == "false") is told


async def test_models_that_a_key_does_not_cover_are_not_there_but_the_list_is(tmp_path):
    async with limited(tmp_path, limits={"models": ["opus"]}) as fleet:
        status, told = await fleet.ask("hi")
        async with fleet.http.get(f"{fleet.url}/v1/models") as answer:
            listed = answer.status

    assert (status, told["error"]["type"]) == (404, "not_found_error")
    assert listed == 200


async def test_who_leaves_the_line_is_out_of_it_within_a_tenth_of_a_second(tmp_path):
    release = asyncio.Event()
    async with limited(tmp_path, release, ANSWER, limits={"concurrency": 3}) as fleet:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(2):
                tasks.create_task(fleet.ask("hi"))
            leaver = aiohttp.ClientSession(headers=fleet.http.headers)
            waits = tasks.create_task(_post(leaver, fleet))
            await until(lambda: fleet.app.pool.waiting == 1)
            waits.cancel()
            await leaver.close()
            await until(lambda: fleet.app.pool.waiting == 0, seconds=0.1)
            release.set()
        status, _ = await fleet.ask("again")

    assert status == 200


async def _post(session, fleet):
    body = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "hi"}]}
    async with session.post(f"{fleet.url}/v1/messages", json=body) as answer:
        await answer.read()

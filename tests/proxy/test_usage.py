import asyncio
import csv
import io
import time

import pytest

from proxy.core.instants import DAY, date_of
from proxy.core.usage import Spending, Usage
from proxy.usage import Question
from tests.proxy.limits_rig import ANSWER, BEGINNING, ENDING, limited
from tests.proxy.pool_rig import ticks
from tests.proxy.raw_worker import LAST

TODAY = 20_000
PRICES = {"sonnet": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75}}


async def usage(fleet, query="", status=200):
    url = f"http://127.0.0.1:{fleet.app.admin_port}/admin/api/usage{query}"
    async with fleet.http.get(url) as answer:
        assert answer.status == status
        if answer.content_type == "text/csv":
            return list(csv.DictReader(io.StringIO(await answer.text())))
        return await answer.json()


async def test_answers_are_summed_up_with_their_cost(tmp_path):
    async with limited(tmp_path, prices=PRICES) as fleet:
        for _ in range(3):
            await fleet.ask("hi")
        await fleet.ask("hi", model="claude-opus-5-5")
        told = await usage(fleet, "?by=client,model")
        table = await usage(fleet, "?by=model&format=csv")
        total = (await usage(fleet))["total"]

    sonnet = {"requests": 3, "input_tokens": 30, "output_tokens": 15}
    cached = {"cache_read_tokens": 0, "cache_write_tokens": 0}
    assert told["rows"][1] == {
        "client": "alice",
        "model": "sonnet",
        **sonnet,
        **cached,
        "cost_usd": 0.000315,
    }
    assert told["rows"][0]["cost_usd"] is None
    assert [(row["model"], row["requests"], row["cost_usd"]) for row in table] == [
        ("opus", "1", ""),
        ("sonnet", "3", "0.000315"),
    ]
    assert (total["requests"], total["input_tokens"], total["cost_usd"]) == (4, 40, None)


async def test_a_stream_counts_what_its_events_told_once(tmp_path):
    async with limited(tmp_path, BEGINNING, ENDING, LAST) as fleet:
        async with fleet.post("hi", stream=True) as answer:
            await answer.read()
        (row,) = (await usage(fleet, "?by=client"))["rows"]

    assert [row[kind] for kind in ("requests", "input_tokens", "output_tokens")] == [1, 10, 20]
    assert row["cache_read_tokens"] == 7


async def test_of_a_stream_that_its_client_left_what_was_seen_counts(tmp_path):
    async with limited(tmp_path, BEGINNING, asyncio.Event()) as fleet:
        async with fleet.post("hi", stream=True) as answer:
            await answer.content.readany()
            answer.close()
        async with asyncio.timeout(5):
            async for _ in ticks():
                if rows := (await usage(fleet, "?by=client"))["rows"]:
                    break

    assert [rows[0][kind] for kind in ("requests", "input_tokens", "output_tokens")] == [1, 10, 1]


async def test_what_reached_no_account_counts_nothing(tmp_path):
    async with limited(tmp_path, limits={"models": ["opus"]}) as fleet:
        await fleet.ask("hi")
        async with fleet.http.get(f"{fleet.url}/v1/models") as answer:
            await answer.read()

        assert (await usage(fleet))["rows"] == []
        assert (await usage(fleet))["total"]["cost_usd"] == 0


async def test_a_restart_forgets_nothing(tmp_path):
    for times in (1, 2):
        async with limited(tmp_path) as fleet:
            await fleet.ask("hi")

            assert (await usage(fleet))["total"]["requests"] == times


async def test_only_the_days_that_were_asked_for_are_told(tmp_path):
    async with limited(tmp_path) as fleet:
        today = int(time.time() // DAY)
        for ago in range(5):
            spending = Spending("alice", "ann", "opus", Usage(10**ago))
            fleet.app.storage.ledger.book.spend(today - ago, spending)
        span = f"?from={date_of(today - 3)}&to={date_of(today - 1)}&by=day"
        told = await usage(fleet, span)

    assert [row["input_tokens"] for row in told["rows"]] == [1000, 100, 10]
    assert told["from"] == told["rows"][0]["day"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?from=yesterday", "`from` should be a date"),
        ("?to=2026-02-30", "`to` should be a date"),
        ("?from=2026-02-02&to=2026-02-01", "at most `to`"),
        ("?from=2020-01-01&to=2026-02-01", "366 days"),
        ("?by=client,prompt", "`by` takes some of day,client,account,model"),
        ("?format=xml", "json or csv"),
        ("?since=2026-01-01", "unknown parameter since"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(tmp_path, query, message):
    async with limited(tmp_path) as fleet:
        assert message in (await usage(fleet, query, 400))["error"]


def test_without_dates_the_last_thirty_days_are_meant():
    assert Question.of({}, TODAY) == Question(
        TODAY - 29, TODAY, ["day", "client", "account", "model"], table=False
    )


def test_metrics_tell_the_cost(tmp_path):
    asyncio.run(_cost(tmp_path))


async def _cost(tmp_path):
    async with limited(tmp_path, ANSWER, prices=PRICES) as fleet:
        await fleet.ask("hi")
        async with fleet.http.get(f"http://127.0.0.1:{fleet.app.admin_port}/metrics") as answer:
            text = await answer.text()

    (line,) = [line for line in text.splitlines() if line.startswith("headgate_cost_usd_total{")]
    assert line.split()[1] == "0.000105"

import asyncio
import signal
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import yaml
from structlog.testing import capture_logs

from proxy.config import Settings, load
from proxy.metrics import Metrics
from proxy.reload import HOT, Reloader, Result
from tests.e2e.rig import KEY, Serving
from tests.proxy.hot_rig import ANSWER, becomes, hot, plain, workers
from tests.proxy.pool_rig import until
from tests.proxy.raw_worker import LAST, RawWorker, chunk, sse_head

OTHER = "another-key-0123456789abcdef"


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


class TestAccounts:
    async def test_one_that_is_added_takes_no_live_session(self, tmp_path):
        async with workers(3) as (a, b, c), hot(tmp_path, plain("a", a), plain("b", b)) as proxy:
            before = await proxy.spread()
            await proxy.take(accounts=[plain("a", a), plain("b", b), plain("c", c)])
            after = await proxy.spread()
            newcomers = {await proxy.ask(f"new{n}") for n in range(20)}

        assert after == before
        assert newcomers == {"a", "b", "c"}

    async def test_one_that_is_removed_loses_its_sessions_and_no_other_moves(self, tmp_path):
        async with workers(3) as (a, b, c):
            all_three = [plain("a", a), plain("b", b), plain("c", c)]
            async with hot(tmp_path, *all_three) as proxy:
                before = await proxy.spread()
                await proxy.take(accounts=all_three[:2])
                after = await proxy.spread()
                again = await proxy.spread()

        moved = {session for session in before if before[session] != after[session]}
        assert moved == {session for session, account in before.items() if account == "c"}
        assert moved
        assert again == after

    async def test_one_that_is_removed_finishes_what_it_streams(self, tmp_path):
        rest = asyncio.Event()
        start = chunk(b'event: content_block_start\ndata: {"type":"content_block_start"}\n\n')
        stop = chunk(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
        streaming = RawWorker(sse_head(), start, rest, stop, LAST)
        async with streaming as a, workers(1) as (b,), hot(tmp_path, plain("a", a)) as proxy:
            async with proxy.post(stream=True) as answer:
                first = await answer.content.readany()
                await proxy.take(accounts=[plain("b", b)])
                moved = await proxy.ask()
                rest.set()
                last = await answer.read()

        assert moved == "b"
        assert b"content_block_start" in first
        assert last.endswith(b'data: {"type":"message_stop"}\n\n')

    async def test_an_address_and_a_credential_change_and_the_sessions_stay(self, tmp_path):
        async with workers(3) as (a, b, moved):
            async with hot(tmp_path, plain("a", a), plain("b", b)) as proxy:
                before = await proxy.spread()
                heard = len(a.requests)
                new = plain("a", moved) | {"headers": {"x-api-key": "renewed"}}
                await proxy.take(accounts=[new, plain("b", b)])
                after = await proxy.spread()

        assert after == before
        assert len(a.requests) == heard
        assert all(b"x-api-key: renewed" in request for request in moved.requests)
        assert moved.requests

    async def test_a_worker_that_is_gone_gives_way_to_a_messages_api(self, tmp_path):
        async with workers(1) as (a,):
            gone = {"name": "a", "url": "http://127.0.0.1:9", "token": "worker-token-0123456789"}
            async with hot(tmp_path, gone) as proxy:
                before = await proxy.ask()
                await proxy.take(accounts=[plain("a", a)])
                after = await proxy.ask()

        assert (before, after) == (503, "a")

    async def test_a_rest_outlives_the_reload(self, tmp_path):
        limited = RawWorker(
            b"HTTP/1.1 402 Payment Required\r\ncontent-length: 2\r\n\r\n{}",
        )
        async with limited as a, workers(1) as (b,):
            async with hot(tmp_path, plain("a", a)) as proxy:
                await proxy.ask()
                await proxy.take(accounts=[plain("a", a, weight=2), plain("b", b)])
                served = await proxy.spread(10)

        assert set(served.values()) == {"b"}
        assert len(a.requests) == 1

    async def test_one_that_is_disabled_gets_nothing(self, tmp_path):
        async with workers(2) as (a, b), hot(tmp_path, plain("a", a), plain("b", b)) as proxy:
            await proxy.take(accounts=[plain("a", a, disabled=True), plain("b", b)])
            served = await proxy.spread(10)

        assert set(served.values()) == {"b"}

    async def test_reloading_a_hundred_times_under_load_fails_nobody(self, tmp_path):
        async with workers(2) as (a, b), hot(tmp_path, plain("a", a), plain("b", b)) as proxy:
            answers, done = [], asyncio.Event()

            async def load_on(client):
                while not done.is_set():
                    answers.append(await proxy.ask(f"{client}-{len(answers)}"))

            await proxy.spread(10)
            before = open_files()
            async with asyncio.TaskGroup() as group:
                for client in range(4):
                    group.create_task(load_on(client))
                for turn in range(100):
                    both = [plain("a", a), plain("b", b)]
                    await proxy.take(accounts=both[: 1 + turn % 2])
                done.set()
            after = open_files()

        assert set(answers) == {"a", "b"}
        assert len(answers) > 100
        assert after - before < 40


class TestQueue:
    async def test_its_bounds_bind_from_the_next_request_on(self, tmp_path):
        busy = asyncio.Event()
        async with RawWorker(busy, ANSWER) as a:
            async with hot(tmp_path, plain("a", a, concurrency=1)) as proxy:
                async with asyncio.TaskGroup() as group:
                    served = [group.create_task(proxy.ask(f"s{n}")) for n in range(2)]
                    await until(lambda: proxy.app.pool.waiting == 1)
                    await proxy.take(queue={"max_requests": 1})
                    refused = await proxy.ask("s2")
                    await proxy.take(queue={"max_requests": 9, "max_wait": 0})
                    impatient = await proxy.ask("s3")
                    busy.set()

        assert (refused, impatient) == (529, 529)
        assert [task.result() for task in served] == ["a", "a"]


async def test_what_is_hot_reaches_its_part(tmp_path):
    async with workers(1) as (a,), hot(tmp_path, plain("a", a)) as proxy:
        await proxy.take(
            retries={"share": 0.3, "floor": 7},
            timeouts={"first_content": 4, "ping": 5, "drain": 6},
            gate={"spill_after": 8},
            probing={"every": 1800, "model": "cheap"},
            expose_account=False,
        )
        app, gateway = proxy.app, proxy.app.gateway
        relay, served = gateway.forwarder.policy, await proxy.ask()

        assert (gateway.budget.ratio, gateway.budget.floor) == (0.3, 7)
        assert (relay.gate, relay.ping, served) == (4, 5, 200)
        assert app.settings.timeouts.drain == 6
        assert app.pool._claims._policy.spill_after == 8
        assert (app.recovery.policy.every, app.recovery.policy.model) == (1800, "cheap")
        assert app.reloader.last.needs_restart == ()


class TestClients:
    async def test_a_key_is_exchanged_and_a_client_revoked(self, tmp_path):
        async with workers(1) as (a,), hot(tmp_path, plain("a", a)) as proxy:
            two = [{"name": "alice", "key": KEY}, {"name": "bob", "key": OTHER}]
            await proxy.take(clients=two)
            both = [await proxy.ask(), await proxy.ask(key=OTHER)]
            await proxy.take(clients=[two[0] | {"revoked": True}, two[1]])
            revoked = [await proxy.ask(), await proxy.ask(key=OTHER)]

        assert both == ["a", "a"]
        assert revoked == [401, "a"]

    async def test_limits_bind_from_the_next_request_on(self, tmp_path):
        async with workers(1) as (a,), hot(tmp_path, plain("a", a)) as proxy:
            before = await proxy.ask()
            limits = {"models": ["haiku"]}
            await proxy.take(clients=[{"name": "alice", "key": KEY, "limits": limits}])

            assert (before, await proxy.ask()) == ("a", 404)


class TestRefusing:
    @pytest.mark.parametrize(
        "text",
        [
            "accounts: [",
            "accounts: []",
            "- a list",
            "accounts: [{name: a, url: nowhere}]",
            "accounts: [{name: a, url: 'http://127.0.0.1:1'}]\nunknown: 1",
            "accounts: [{name: a, url: 'http://127.0.0.1:1', token_file: gone}]",
            "",
        ],
    )
    async def test_a_broken_file_changes_nothing_and_says_all_that_is_wrong(self, tmp_path, text):
        async with workers(1) as (a,), hot(tmp_path, plain("a", a)) as proxy:
            proxy.file.write_text(text)
            with capture_logs() as logs:
                done = await proxy.app.reloader.reload("test")
            served = await proxy.ask()
            _, status = await proxy.operate("GET", "/admin/api/status")

        assert (done.result, served) == (Result.REFUSED, "a")
        assert done.problems
        assert logs[0]["problems"] == done.problems
        assert status["reload"]["result"] == "refused"
        assert status["reload"]["problems"] == list(done.problems)

    async def test_no_secret_is_told(self, tmp_path):
        async with workers(1) as (a,), hot(tmp_path, plain("a", a)) as proxy:
            bad = plain("a", a) | {
                "token": "a secret of ours",
                "headers": {"x-api-key": "\tsecret"},
            }
            with capture_logs() as logs:
                done = await proxy.take(accounts=[bad])

        assert done.result is Result.REFUSED
        assert "secret" not in str((done, logs))

    async def test_what_needs_a_restart_is_named_until_it_is_taken_back(self, tmp_path):
        async with workers(2) as (a, b), hot(tmp_path, plain("a", a)) as proxy:
            limits = {"body": 1000}
            mixed = await proxy.take(limits=limits, gate={"lease_ttl": 9}, accounts=[plain("b", b)])
            served = await proxy.ask()
            still = await proxy.take(timeouts={"ping": 3})
            back = await proxy.take(limits={}, gate={})

        assert served == "b"
        assert mixed.needs_restart == still.needs_restart == ("gate.lease_ttl", "limits.body")
        assert back.needs_restart == ()

    async def test_every_reload_is_counted_by_its_result(self, tmp_path):
        async with workers(1) as (a,), hot(tmp_path, plain("a", a)) as proxy:
            await proxy.take()
            await proxy.take(expose_account=False)
            await proxy.take(accounts=[])
            text = proxy.app.metrics.render([]).decode()

        for result in Result:
            assert f'headgate_config_reloads_total{{result="{result}"}} 1.0' in text


class TestWatching:
    async def reloaded(self, proxy):
        async def done():
            await asyncio.sleep(0.01)
            return proxy.app.reloader.last

        return await becomes(done)

    async def test_a_changed_file_is_taken_in(self, tmp_path):
        async with workers(2) as (a, b), hot(tmp_path, plain("a", a)) as proxy:
            proxy.write(accounts=[plain("b", b)])
            done = await self.reloaded(proxy)

            assert (done.cause, done.result) == ("file", Result.APPLIED)
            assert await proxy.ask() == "b"

    async def test_a_changed_secret_alone_is_taken_in(self, tmp_path):
        key = tmp_path / "key"
        key.write_text(KEY)
        clients = [{"name": "alice", "key_file": "key"}]
        async with workers(1) as (a,), hot(tmp_path, plain("a", a), clients=clients) as proxy:
            before = await proxy.ask(key=OTHER)
            key.write_text(OTHER)
            await self.reloaded(proxy)

            assert (before, await proxy.ask(key=OTHER)) == (401, "a")

    async def test_a_mounted_config_map_is_swapped_by_its_link(self, tmp_path):
        async with workers(2) as (a, b), hot(tmp_path / "..", plain("a", a)) as base:
            for version, account in enumerate([plain("a", a), plain("b", b)]):
                folder = tmp_path / f"..{version}"
                folder.mkdir()
                text = yaml.safe_dump(base.config | {"accounts": [account]})
                (folder / "headgate.yaml").write_text(text)
            (tmp_path / "data").symlink_to("..0")
            (tmp_path / "headgate.yaml").symlink_to("data/headgate.yaml")
            base.app.reloader._read = lambda: load(tmp_path / "headgate.yaml")
            await base.app.reloader.reload("test")
            base.app.reloader.last = None
            (tmp_path / "new").symlink_to("..1")
            (tmp_path / "new").rename(tmp_path / "data")
            await self.reloaded(base)

            assert await base.ask() == "b"

    async def test_a_file_that_is_mended_is_taken_in_also_where_only_a_secret_was_missing(
        self, tmp_path
    ):
        async with workers(1) as (a,), hot(tmp_path, plain("a", a)) as proxy:
            proxy.write(clients=[{"name": "alice", "key_file": "key"}])
            refused = await self.reloaded(proxy)
            proxy.app.reloader.last = None
            (tmp_path / "key").write_text(OTHER)
            applied = await self.reloaded(proxy)

            assert (refused.result, applied.result) == (Result.REFUSED, Result.APPLIED)
            assert await proxy.ask(key=OTHER) == "a"

    async def test_what_changes_from_look_to_look_is_left_alone_until_it_stays(self, tmp_path):
        file, looks = tmp_path / "headgate.yaml", iter(range(1000))

        class Restless(dict):
            """A file that is still being written at each of the first looks at it."""

            def __iter__(self):
                if (look := next(looks)) < 10:
                    file.write_text(f"accounts: [{{name: a{look}, url: 'http://127.0.0.1:1'}}]")
                return super().__iter__()

        adopted = asyncio.Queue()
        started = Settings(accounts=(), files=Restless({file: ""}))
        reloader = Reloader(lambda: load(file), started, adopted.put_nowait, Metrics("1"), 0.01)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(reloader.run())
            settings = await asyncio.wait_for(adopted.get(), 10)
            running.cancel()

        assert [account.name for account in settings.accounts] == ["a9"]
        assert adopted.empty()


async def test_a_hangup_signal_reloads_and_stops_nothing(tmp_path):
    async with RawWorker(ANSWER) as a, Serving(tmp_path, plain("a", a)) as serving:
        config = yaml.safe_load(serving.file.read_text())
        config["accounts"] = [plain("b", a)]
        config["expose_account"] = True
        serving.file.write_text(yaml.safe_dump(config))
        serving.process.send_signal(signal.SIGHUP)

        async def served():
            async with serving.post("hi") as answer:
                await answer.read()
                return answer.headers.get("x-headgate-account") == "b"

        await becomes(served)
        assert serving.process.returncode is None
    assert "Traceback" not in serving.errors.read_text()


def test_what_is_called_hot_exists():
    def paths(value, path=""):
        for field in fields(value):
            name, inner = path + field.name, getattr(value, field.name)
            yield from paths(inner, f"{name}.") if is_dataclass(inner) else (name,)

    assert set(paths(Settings(accounts=()))) >= HOT

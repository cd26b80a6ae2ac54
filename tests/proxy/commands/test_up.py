import asyncio
import os
import shlex
import signal
import socket
import sys

import aiohttp
import psutil
import pytest

from proxy.commands.ports import free_port
from tests.proxy.commands.waiting import is_gone, until

DEMO = ("up", "--port", "0", "--admin-port", "0")
HELLO = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "Hello"}],
}


async def told(process, word):
    """Read what a command prints until a line that begins with `word`; all lines, and that one."""
    lines = []
    async with asyncio.timeout(90):
        while line := (await process.stdout.readline()).decode():
            lines.append(line)
            if line.startswith(word):
                return lines, line
    pytest.fail(f"the command ended: {(await process.stderr.read()).decode()}")


async def guided(process):
    """The endpoint, the admin URL, the key and the curl line that a demo prints."""
    lines, curl = await told(process, "curl")
    facts = dict(line.split(":", 1) for line in lines if line.startswith(("endp", "admin", "key")))
    curl += "".join([(await process.stdout.readline()).decode() for _ in range(2)])
    return *(facts[name].strip() for name in ("endpoint", "admin", "key")), curl


async def stopped(process, number):
    process.send_signal(number)
    async with asyncio.timeout(30):
        return await process.communicate()


def family(process):
    return psutil.Process(process.pid).children(recursive=True)


def request_of(curl):
    """Read a curl line as a shell would: its URL, headers and body."""
    words = shlex.split(curl.replace("\\\n", ""))
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    url = next(word for word in words if word.startswith("http://"))
    return url, headers, words[words.index("-d") + 1]


@pytest.mark.parametrize(
    "engine", ["api", pytest.param("cli", marks=[pytest.mark.cli, pytest.mark.timeout(240)])]
)
async def test_the_demo_serves_what_its_curl_line_asks_and_leaves_nothing(
    engine, started, tmp_path
):
    async with started(*DEMO, "--demo", engine) as process, aiohttp.ClientSession() as session:
        _, admin, _, curl = await guided(process)
        url, headers, body = request_of(curl)
        async with session.post(url, headers=headers, data=body) as answer:
            text = await answer.text()
            served = answer.status, answer.headers["x-headgate-account"]
        async with session.get(admin) as answer:
            accounts = (await answer.json())["accounts"]
        children = family(process)
        await stopped(process, signal.SIGTERM)

    assert served[0] == 200
    assert "event: message_stop" in text
    assert {account["name"] for account in accounts} == {"alice-max", "bob-pro", "team-seat"}
    assert served[1] in {account["name"] for account in accounts}
    assert process.returncode == 0
    assert len(children) >= 4
    assert all(is_gone(child.pid) for child in children)
    assert list(tmp_path.iterdir()) == []


async def test_the_demo_serves_nobody_without_its_key(started):
    async with started(*DEMO, "--demo", "api") as process, aiohttp.ClientSession() as session:
        endpoint, _, key, _ = await guided(process)
        url = f"{endpoint}/v1/messages"
        async with session.post(url, json=HELLO) as answer:
            without = answer.status
        async with session.post(url, json=HELLO, headers={"x-api-key": key}) as answer:
            with_it = answer.status
        await stopped(process, signal.SIGINT)

    assert (without, with_it, process.returncode) == (401, 200, 0)


async def test_a_worker_that_is_killed_comes_back(started):
    async with started(*DEMO, "--demo", "api") as process, aiohttp.ClientSession() as session:
        endpoint, _, key, _ = await guided(process)
        worker = next(p for p in family(process) if "worker" in p.cmdline())
        command = worker.cmdline()
        os.kill(worker.pid, signal.SIGKILL)
        await until(
            lambda: any(p.pid != worker.pid and p.cmdline() == command for p in family(process))
        )
        headers = {"x-api-key": key}
        async with session.post(f"{endpoint}/v1/messages", json=HELLO, headers=headers) as answer:
            status = answer.status
        await stopped(process, signal.SIGTERM)

    assert (status, process.returncode) == (200, 0)


async def test_a_configuration_gets_a_worker_for_each_login_and_may_change(started, tmp_path):
    provider, port = free_port(), free_port()
    config = tmp_path / "headgate.yaml"
    config.write_text(f"""\
listen: "127.0.0.1:{port}"
admin: {{listen: "127.0.0.1:0"}}
expose_account: true
accounts:
  - {{name: mine, login: {{api_key: sim-mine}}, engine: api, base_url: "http://127.0.0.1:{provider}"}}
timeouts: {{drain_dwell: 0, drain: 1}}
""")
    simulator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "simulator", "--listen", f"127.0.0.1:{provider}"),
        stdout=asyncio.subprocess.PIPE,
    )
    await told(simulator, "simulator listens")
    async with started("up", "--config", config) as process, aiohttp.ClientSession() as session:
        await told(process, "admin:")
        url = f"http://127.0.0.1:{port}/v1/messages"
        async with session.post(url, json=HELLO) as answer:
            served = answer.status, answer.headers["x-headgate-account"]
        config.write_text(config.read_text().replace("expose_account: true", ""))
        async with asyncio.timeout(20):
            while "x-headgate-account" in answer.headers:
                async with session.post(url, json=HELLO) as answer:
                    assert answer.status == 200
        await stopped(process, signal.SIGTERM)
    simulator.terminate()
    await simulator.communicate()

    assert served == (200, "mine")
    assert process.returncode == 0
    assert (tmp_path / "headgate-state/accounts/mine/claude").is_dir()


@pytest.mark.parametrize("option", ["--port", "--admin-port"])
async def test_a_taken_port_is_one_clear_line_and_nothing_is_started(option, started, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        async with started(*DEMO, "--demo", "api", option, port) as process, asyncio.timeout(30):
            _, errors = await process.communicate()

    assert process.returncode == 1
    assert (
        errors.decode() == f"headgate: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_missing_cli_is_one_clear_line(headgate, tmp_path, monkeypatch):
    monkeypatch.setattr("proxy.commands.claude.find_claude", lambda: None)
    config = tmp_path / "headgate.yaml"
    config.write_text("accounts: [{name: mine, login: oauth}]")

    result = headgate("up", "--config", config)

    assert result.exit_code == 1
    assert result.output.startswith("headgate: mine: the claude CLI is not installed")

import asyncio
import json
import signal
import socket

import aiohttp
import pytest

CONFIG = """\
listen: "127.0.0.1:{port}"
admin: {{listen: "127.0.0.1:{admin_port}"}}
accounts: [{{name: a, url: "http://127.0.0.1:1"}}]
timeouts: {{drain_dwell: 0, drain: 1}}
"""


@pytest.fixture
def ports():
    """Two ports that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
        return a.getsockname()[1], b.getsockname()[1]


@pytest.fixture
def config(tmp_path, ports):
    file = tmp_path / "headgate.yaml"
    file.write_text(CONFIG.format(port=ports[0], admin_port=ports[1]))
    return file


async def listening(process):
    """Read the log until it says that the proxy listens."""
    async with asyncio.timeout(30):
        while line := await process.stderr.readline():
            if json.loads(line)["event"] == "listening":
                return
    pytest.fail("the proxy ended")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_until_it_is_told_to_stop(number, started, config, ports):
    async with started("serve", "--config", config) as process, aiohttp.ClientSession() as session:
        await listening(process)
        async with session.get(f"http://127.0.0.1:{ports[1]}/livez") as answer:
            assert answer.status == 200
        async with session.get(f"http://127.0.0.1:{ports[0]}/nowhere") as answer:
            assert answer.status == 404
        process.send_signal(number)
        async with asyncio.timeout(30):
            _, errors = await process.communicate()

    assert process.returncode == 0
    assert b"Traceback" not in errors


@pytest.mark.parametrize("which", [0, 1])
async def test_a_taken_port_is_one_clear_line(which, started, config, ports):
    with socket.create_server(("127.0.0.1", ports[which])):
        async with started("serve", "--config", config) as process, asyncio.timeout(30):
            _, errors = await process.communicate()

    assert process.returncode == 1
    (line,) = errors.decode().splitlines()
    assert line.startswith("headgate: ")
    assert str(ports[which]) in line
    assert "in use" in line


def test_every_problem_of_the_configuration_is_a_line(headgate, tmp_path):
    file = tmp_path / "headgate.yaml"
    file.write_text("accounts: [{name: a, url: nowhere}]\nlisten: x\n")

    result = headgate("serve", "--config", file)

    assert result.exit_code == 2
    assert [line.split(":")[:2] for line in result.output.splitlines()] == [
        ["headgate", " listen"],
        ["headgate", " accounts[0].url"],
    ]


def test_a_configuration_is_needed(headgate):
    result = headgate("serve")

    assert result.exit_code == 2
    assert "--config FILE is needed" in result.output


def test_logins_are_for_up(headgate, tmp_path):
    file = tmp_path / "headgate.yaml"
    file.write_text("accounts: [{name: mine, login: oauth}]")

    result = headgate("serve", "--config", file)

    assert result.exit_code == 2
    assert result.output.startswith("headgate: mine: accounts with `login` are for `headgate up`")

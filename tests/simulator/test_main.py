import aiohttp
import pytest
from click.testing import CliRunner

from simulator.__main__ import main
from tests.simulator_rig import SimulatorProcess


async def call(url, key):
    body = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "say: hello"}],
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/messages", json=body, headers={"x-api-key": key}) as answer,
    ):
        return answer.status


async def test_the_command_serves_its_configuration_and_ends_when_told_to(tmp_path):
    config = tmp_path / "simulator.yaml"
    config.write_text("accounts: [{name: alice}]")
    async with SimulatorProcess(config) as simulator:
        known = await call(simulator.url, "sim-alice")
        unknown = await call(simulator.url, "sim-bob")
        records = await simulator.records()

    assert (known, unknown) == (200, 401)
    assert [record.account for record in records] == ["alice", None]
    assert simulator.exit_code == 0


async def test_without_a_configuration_everyone_is_welcome():
    async with SimulatorProcess() as simulator:
        await simulator.post("/_sim/faults", {"fault": "529", "count": 1})

        assert await call(simulator.url, "anything") == 529
        assert await call(simulator.url, "anything") == 200


@pytest.mark.parametrize(
    ("arguments", "text", "problem"),
    [
        (["--listen", "nowhere"], "", "nowhere is not HOST:PORT"),
        (["--listen", "203.0.113.1:1"], "open: true", "cannot listen on 203.0.113.1:1"),
        ([], "acounts: []", "acounts"),
        ([], "accounts: [{name: alice, plan: gold}]", "gold"),
    ],
)
def test_a_start_that_cannot_be_is_explained(tmp_path, arguments, text, problem):
    config = tmp_path / "simulator.yaml"
    config.write_text(text)
    result = CliRunner().invoke(main, [*arguments, "--config", str(config)])

    assert result.exit_code != 0
    assert problem in result.output

"""The README promises nothing that is not there."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.__main__ import main
from proxy.config import load
from proxy.core.routes import route_of

README = (Path(__file__).parents[1] / "README.md").read_text()


def block(language):
    return re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)[1]


def test_its_configuration_is_right(tmp_path, monkeypatch):
    for name in re.findall(r"\$\{(\w+)\}", block("yaml")):
        monkeypatch.setenv(name, f"{name.lower()}-0123456789abcdef")
    file = tmp_path / "headgate.yaml"
    file.write_text(block("yaml"))
    settings = load(file)

    assert [login.name for login in settings.logins] == [
        "alice-max",
        "team-key",
        "bedrock-1",
        "local",
    ]
    assert [account.name for account in settings.accounts] == ["elsewhere", "plain"]


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"(?:`|bin/)headgate ([a-z][a-z-]+)", README)))
)
def test_its_commands_exist(command):
    assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0


@pytest.mark.parametrize("path", re.findall(r"`(?:POST|GET|DELETE) (/v1/[^`?]*)", README))
def test_its_paths_are_routed(path):
    assert route_of(path.replace("{id}", "0" * 32).encode()).name != "none"

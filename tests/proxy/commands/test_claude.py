import importlib.machinery

import pytest

from proxy.commands.claude import command_of, find_claude, plain_environment
from proxy.config import Login, LoginMethod

MINE = Login("mine", LoginMethod.OAUTH)


@pytest.fixture
def program(tmp_path):
    def make(path):
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.touch(mode=0o755)
        return str(file)

    return make


@pytest.fixture
def sdk(monkeypatch, tmp_path):
    """As if the Agent SDK were installed in a folder of ours."""
    origin = str(tmp_path / "sdk/__init__.py")
    spec = importlib.machinery.ModuleSpec("claude_agent_sdk", None, origin=origin)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: spec)


@pytest.mark.usefixtures("sdk")
def test_the_cli_on_the_path_comes_first(program, monkeypatch):
    on_path, _ = program("bin/claude"), program("sdk/_bundled/claude")
    monkeypatch.setenv("PATH", on_path.removesuffix("/claude"))

    assert find_claude() == on_path


@pytest.mark.usefixtures("sdk")
def test_the_one_of_the_sdk_comes_next(program, monkeypatch):
    bundled = program("sdk/_bundled/claude")
    monkeypatch.setenv("PATH", "")

    assert find_claude() == bundled


@pytest.mark.usefixtures("sdk")
def test_there_may_be_none(monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert find_claude() is None
    with pytest.raises(FileNotFoundError, match="mine: the claude CLI is not installed"):
        command_of(MINE)


def test_a_login_may_name_its_own():
    login = Login("mine", LoginMethod.OAUTH, command="/opt/claude")

    assert command_of(login) == "/opt/claude"


def test_programs_inherit_no_credential(monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "HEADGATE_LISTEN", "HOME"):
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")

    found = plain_environment()

    assert "mine" not in found.values()
    assert found["HTTPS_PROXY"] == "http://proxy:3128"
    assert "PATH" in found

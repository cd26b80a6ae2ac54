import sys

import pytest

CLAUDE = """\
#!{python}
import os, sys
with open({log!r}, "a") as log:
    print(sys.argv[1:], *sorted(f"{{k}}={{v}}" for k, v in os.environ.items()), file=log)
sys.exit({code} if sys.argv[2] == "login" else 0)
"""


@pytest.fixture
def fleet(tmp_path):
    """A configuration whose CLI notes how it was called; `code` is how its login ends."""

    def make(code=0):
        claude = tmp_path / "claude"
        log = str(tmp_path / "calls")
        claude.write_text(CLAUDE.format(python=sys.executable, log=log, code=code))
        claude.chmod(0o755)
        config = tmp_path / "headgate.yaml"
        config.write_text(f"""\
accounts:
  - {{name: mine, login: oauth, command: "{claude}"}}
  - {{name: key, login: {{api_key: k-1}}}}
""")
        return config

    return make


def calls(tmp_path):
    return (tmp_path / "calls").read_text().splitlines()


def test_the_cli_logs_in_with_a_folder_of_its_own(fleet, headgate, tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "somebody-elses")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", "somebody-elses")

    result = headgate("login", "mine", "--config", fleet(), "--sso")

    home = tmp_path / "headgate-state/accounts/mine"
    login, status = calls(tmp_path)
    assert result.exit_code == 0, result.output
    assert login.startswith("['auth', 'login', '--sso']")
    assert status.startswith("['auth', 'status', '--text']")
    assert f"CLAUDE_CONFIG_DIR={home}/claude" in login
    assert f"HOME={home}/home" in login
    assert "somebody-elses" not in login
    assert [oct(f.stat().st_mode)[-3:] for f in (home, home / "claude")] == ["700", "700"]


def test_the_folder_can_be_elsewhere(fleet, headgate, tmp_path):
    elsewhere = tmp_path / "elsewhere"

    headgate("login", "mine", "--config", fleet(), "--state-dir", elsewhere)

    assert f"CLAUDE_CONFIG_DIR={elsewhere}/accounts/mine/claude" in calls(tmp_path)[0]


def test_a_login_that_fails_is_told(fleet, headgate):
    result = headgate("login", "mine", "--config", fleet(code=3))

    assert result.exit_code == 1
    assert "mine: the login did not succeed" in result.output


@pytest.mark.parametrize("name", ["key", "nobody"])
def test_only_accounts_with_an_oauth_login_log_in(name, fleet, headgate):
    result = headgate("login", name, "--config", fleet())

    assert result.exit_code == 2
    assert f"no account '{name}' with `login: oauth`" in result.output

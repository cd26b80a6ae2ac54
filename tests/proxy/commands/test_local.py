import dataclasses
import sys

import pytest
import yaml

from proxy.commands.local import Home, cli_environment, held, local_worker
from proxy.config import Login, LoginMethod

KEY = Login("mine", LoginMethod.API_KEY, {"api_key": "k-secret"}, concurrency=3, weight=2)


@pytest.fixture
def laid_out(tmp_path):
    """A worker of a login, and the settings in its folder."""

    def lay_out(login):
        home = Home.of(login.name, tmp_path)
        worker = local_worker(login, home, 9101, "/bin/claude")
        return worker, yaml.safe_load((home.folder / "worker.yaml").read_text()), home

    return lay_out


def modes(folder):
    return {path.name: oct(path.stat().st_mode)[-3:] for path in [folder, *folder.iterdir()]}


def test_a_worker_gets_its_settings_and_a_token_of_its_own(laid_out):
    worker, settings, home = laid_out(KEY)

    token = (home.folder / "token").read_text()
    assert settings == {
        "account": "mine",
        "listen": "127.0.0.1:9101",
        "token_file": f"{home.folder}/token",
        "engine": "cli",
        "drain": 5,
        "cli": {
            "command": "/bin/claude",
            "config_dir": f"{home.folder}/claude",
            "home": f"{home.folder}/home",
            "environment": {"ANTHROPIC_API_KEY": "${ANTHROPIC_API_KEY}"},
            "max_processes": 3,
            "warm": 1,
        },
    }
    assert worker.account.url == "http://127.0.0.1:9101"
    assert worker.account.headers == {"authorization": f"Bearer {token}"}
    assert (worker.account.concurrency, worker.account.weight) == (3, 2)
    assert worker.program.argv == (
        *(sys.executable, "-m", "worker"),
        *("--config", f"{home.folder}/worker.yaml"),
    )


def test_nobody_else_can_read_what_is_there(laid_out):
    _, _, home = laid_out(KEY)

    assert modes(home.folder) == {
        "mine": "700",
        "claude": "700",
        "home": "700",
        "token": "600",
        "worker.yaml": "600",
    }


def test_credentials_are_in_the_environment_alone(laid_out, monkeypatch):
    monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", "somebody-elses")
    monkeypatch.setenv("HEADGATE_WORKER_TOKEN", "somebody-elses")

    worker, _, home = laid_out(KEY)

    assert worker.program.environment["ANTHROPIC_API_KEY"] == "k-secret"
    assert worker.program.environment["HOME"] == f"{home.folder}/home"
    assert "somebody-elses" not in worker.program.environment.values()
    assert "k-secret" not in (home.folder / "worker.yaml").read_text()
    assert "k-secret" not in repr(worker)


def test_every_start_makes_another_token(laid_out):
    first, second = (laid_out(KEY)[0].account.headers["authorization"] for _ in range(2))

    assert first != second


def test_what_else_a_cli_worker_is_to_do_stands_in_its_settings(laid_out):
    more = {"profile": "read-only", "add_dirs": ["/srv/docs"], "warm": 3}
    _, settings, _ = laid_out(dataclasses.replace(KEY, cli=more))

    assert {name: settings["cli"][name] for name in more} == more
    assert settings["cli"]["max_processes"] == 3


@pytest.mark.parametrize("engine", ["api", "openai"])
def test_the_engine_of_a_key_is_told_where_and_with_what(laid_out, engine):
    login = dataclasses.replace(KEY, engine=engine, base_url="http://127.0.0.1:9000")

    _, settings, _ = laid_out(login)

    assert settings[engine] == {
        "url": "http://127.0.0.1:9000",
        "key": "${ANTHROPIC_API_KEY}",
        "concurrency": 3,
    }
    assert "cli" not in settings


@pytest.mark.parametrize(
    ("method", "credentials", "base_url", "expected"),
    [
        (LoginMethod.OAUTH, {}, None, {}),
        (
            LoginMethod.OAUTH_TOKEN,
            {"oauth_token": "t"},
            "http://sim",
            {"CLAUDE_CODE_OAUTH_TOKEN": "t", "ANTHROPIC_BASE_URL": "http://sim"},
        ),
        (
            LoginMethod.BEDROCK,
            {"region": "eu-west-1", "access_key_id": "i", "secret_access_key": "s"},
            "http://sim",
            {
                "CLAUDE_CODE_USE_BEDROCK": "1",
                "AWS_REGION": "eu-west-1",
                "AWS_ACCESS_KEY_ID": "i",
                "AWS_SECRET_ACCESS_KEY": "s",
                "ANTHROPIC_BEDROCK_BASE_URL": "http://sim",
            },
        ),
        (
            LoginMethod.VERTEX,
            {"region": "global", "project": "p", "credentials_file": "/f"},
            None,
            {
                "CLAUDE_CODE_USE_VERTEX": "1",
                "CLOUD_ML_REGION": "global",
                "ANTHROPIC_VERTEX_PROJECT_ID": "p",
                "GOOGLE_APPLICATION_CREDENTIALS": "/f",
            },
        ),
    ],
)
def test_the_cli_hears_of_a_login_in_its_own_words(method, credentials, base_url, expected):
    assert cli_environment(Login("a", method, credentials, base_url=base_url)) == expected


def test_a_profile_is_looked_up_where_the_operator_keeps_it(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))

    found = cli_environment(Login("a", LoginMethod.BEDROCK, {"region": "r", "profile": "team"}))

    assert found["AWS_PROFILE"] == "team"
    assert found["AWS_CONFIG_FILE"] == f"{tmp_path}/.aws/config"
    assert found["AWS_SHARED_CREDENTIALS_FILE"] == f"{tmp_path}/.aws/credentials"


def test_a_folder_is_held_by_one_at_a_time(tmp_path):
    folder = tmp_path / "state"
    with held(folder), pytest.raises(OSError, match="in use by another headgate up"), held(folder):
        pytest.fail("held twice")

    with held(folder):
        assert (folder / "lock").exists()

"""Settings: what is read from where, and every problem at once."""

from pathlib import Path

import pytest
import yaml

from worker.config import Address, ConfigError, load, parse

API = {"account": "alice", "engine": "api", "api": {"url": "https://api.example.com"}}


def problems_of(raw, environ=None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(raw, environ or {})
    return caught.value.problems


def test_everything_but_the_account_and_its_engine_has_a_default():
    settings = parse(API, {})

    assert settings.listen == Address(host="127.0.0.1", port=9100)
    assert settings.limits.body == 33_554_432
    assert (settings.timeouts.ping, settings.drain) == (15, 600)
    assert settings.api.concurrency == 6


def test_the_cli_section_is_read_in_full():
    cli = {
        "command": "/opt/claude",
        "config_dir": "/state/alice",
        "home": "/state/home",
        "environment": {"CLAUDE_CODE_OAUTH_TOKEN": "t", "AWS_SHARED_CREDENTIALS_FILE": "/aws"},
        "warm": 1,
        "max_processes": 4,
        "timeouts": {"start": 10, "first_event": 20, "stall": 30},
        "models": {"opus": "claude-opus-5-5"},
    }
    settings = parse({"account": "alice", "cli": cli}, {})

    assert settings.engine == "cli"
    assert settings.cli.config_dir == Path("/state/alice")
    assert settings.cli.environment == cli["environment"]
    assert settings.cli.timeouts.stall == 30
    assert settings.cli.models == {"opus": "claude-opus-5-5"}


def test_an_upstream_of_azure_is_described_in_full():
    openai = {
        "url": "https://team.example.com/openai/deployments/{model}",
        "headers": {"api-key": "${AZURE}"},
        "query": {"api-version": "2026-10-21"},
        "models": {"claude-sonnet-5-5": "gpt-5"},
        "max_tokens_field": "max_completion_tokens",
    }
    raw = {"account": "alice", "engine": "openai", "openai": openai}
    settings = parse(raw, {"AZURE": "k"}).openai

    assert settings.headers == {"api-key": "k"}
    assert settings.models == openai["models"]
    assert settings.reasoning_effort


def test_nothing_is_fetched_from_anywhere_by_default():
    images = parse(API, {}).images

    assert (images.allow, images.allow_private_ranges, images.allow_http) == ((), (), False)
    assert parse(API | {"images": {"allow": ["*.example.com", "*"]}}, {}).images.allow


def test_every_problem_is_told_at_once_with_its_path():
    raw = {
        "account": "../x",
        "listen": "9100",
        "engine": "api",
        "api": {"url": "ftp://x", "concurrency": 0, "timeouts": {"connect": -1, "conect": 5}},
        "limits": {"body": "many"},
        "drian": 5,
    }
    paths = [problem.partition(":")[0] for problem in problems_of(raw)]

    assert sorted(paths) == [
        "account",
        "api.concurrency",
        "api.timeouts.conect",
        "api.timeouts.connect",
        "api.url",
        "drian",
        "limits.body",
        "listen",
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"listen": "0.0.0.0:9100"}, "listening beyond loopback needs a token"),
        ({"listen": "worker.internal:9100"}, "listening beyond loopback needs a token"),
        ({"api": None}, "needs the section 'api'"),
        ({"engine": "cli"}, "needs the section 'cli'"),
        ({"engine": "gpt"}, "engine: "),
        ({"engine": "openai"}, "needs the section 'openai'"),
        ({"openai": {"url": "http://h/v1?x=1"}}, "openai.url: "),
        ({"openai": {"url": "http://h/{deployment}"}}, "openai.url: "),
        ({"openai": {"url": "http://h/{model}"}}, "needs models"),
        ({"openai": {"url": "http://h/v1", "max_tokens_field": "n"}}, "openai.max_tokens_field: "),
        ({"images": {"allow": ["a.example.com/path"]}}, "images.allow.0: "),
        ({"images": {"allow": ["*.*.example.com"]}}, "images.allow.0: "),
        ({"images": {"allow": ["127.0.0.1"]}}, "images.allow.0: "),
        ({"images": {"allow_private_ranges": ["10.0.0.1/8"]}}, "images.allow_private_ranges.0: "),
        ({"images": {"ports": [0]}}, "images.ports.0: "),
        ({"token": "changeme"}, "token: "),
        ({"token": ""}, "token: "),
        ({"listen": "127.0.0.1:65536"}, "listen.port: "),
        ({"listen": ":9100"}, "listen: "),
        ({"token": "a", "token_file": __file__}, "token_file: given beside token"),
        ({"token_file": "/does/not/exist"}, "token_file: "),
        ({"account": "${NOBODY}"}, "account: the variable NOBODY is not set"),
    ],
)
def test_what_does_not_fit_is_refused(change, problem):
    (found,) = problems_of(API | change)

    assert problem in found
    assert "Value error" not in found


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"profile": "root"}, "cli.profile: "),
        ({"profile": "read-only"}, "needs add_dirs"),
        ({"add_dirs": ["shared"]}, "add_dirs must be absolute"),
        ({"max_memory": 0}, "cli.max_memory: "),
        ({"agent": {"permission_mode": "yolo"}}, "cli.agent.permission_mode: "),
        ({"agent": {"tools": ["Bash(rm *)"]}}, "cli.agent.tools.0: "),
        ({"agent": {"setting_sources": ["everybody"]}}, "cli.agent.setting_sources.0: "),
        # A folder must outlive the process that rests in it.
        ({"idle_ttl": 900, "agent": {"workspace_ttl": 60}}, "workspace_ttl"),
    ],
)
def test_what_does_not_fit_the_cli_is_refused(change, problem):
    cli = {"home": "/srv/home", "config_dir": "/srv/config"}
    (found,) = problems_of({"account": "a", "engine": "cli", "cli": cli | change})

    assert problem in found


def test_folders_may_be_those_of_the_user(monkeypatch):
    monkeypatch.setenv("HOME", "/home/operator")
    cli = {"home": "~/worker", "config_dir": "/srv/config", "add_dirs": ["~/shared"]}
    settings = parse({"account": "a", "engine": "cli", "cli": cli}, {})

    assert str(settings.cli.home) == "/home/operator/worker"
    assert [str(folder) for folder in settings.cli.add_dirs] == ["/home/operator/shared"]


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:9100", "localhost:9100", "127.8.8.8:1"])
def test_loopback_needs_no_token(listen):
    assert parse(API | {"listen": listen}, {}).token is None


def test_references_are_replaced_wherever_they_stand(tmp_path):
    (tmp_path / "key").write_text("the-key\n")
    raw = {
        "account": "${NAME}-max",
        "token": "${TOKEN}",
        "engine": "api",
        "api": {
            "url": "http://127.0.0.1:${PORT}",
            "key_file": str(tmp_path / "key"),
            "headers": {"x-team_file": "${DIR}/key"},
        },
    }
    settings = parse(
        raw, {"NAME": "alice", "TOKEN": "a-token", "PORT": "9000", "DIR": str(tmp_path)}
    )

    assert (settings.account, settings.token) == ("alice-max", "a-token")
    assert settings.api.url == "http://127.0.0.1:9000"
    assert settings.api.key == "the-key"
    assert settings.api.headers == {"x-team": "the-key"}


def test_the_environment_beats_the_file_and_arguments_beat_both(tmp_path):
    file = tmp_path / "worker.yaml"
    file.write_text(yaml.safe_dump(API | {"drain": 1}))
    environ = {
        "HEADGATE_WORKER_DRAIN": "7",
        "HEADGATE_WORKER_LISTEN": "127.0.0.1:1",
        "HEADGATE_WORKER_API__TIMEOUTS__CONNECT": "2.5",
        "HEADGATE_WORKER_API__HEADERS__X-Team": "blue",
    }
    settings = load(file, environ, listen="127.0.0.1:2", token=None)

    assert settings.drain == 7
    assert settings.listen.port == 2
    assert settings.api.timeouts.connect == 2.5
    assert settings.api.headers == {"X-Team": "blue"}
    assert settings.api.url == "https://api.example.com"


def test_the_environment_alone_is_enough(tmp_path):
    (tmp_path / "token").write_text("from-a-file")
    environ = {
        "HEADGATE_WORKER_ACCOUNT": "alice",
        "HEADGATE_WORKER_TOKEN_FILE": str(tmp_path / "token"),
        "HEADGATE_WORKER_CLI__CONFIG_DIR": "/c",
        "HEADGATE_WORKER_CLI__HOME": "/h",
        "HEADGATE_WORKER_CLI__ENVIRONMENT__CLAUDE_CODE_OAUTH_TOKEN": "t",
    }
    settings = load(None, environ)

    assert settings.token == "from-a-file"
    assert settings.cli.environment == {"CLAUDE_CODE_OAUTH_TOKEN": "t"}


def test_variables_that_kubernetes_makes_up_are_passed_over():
    environ = {
        "HEADGATE_WORKER_PORT": "tcp://10.0.0.1:9100",
        "HEADGATE_WORKER_SERVICE_HOST": "10.0.0.1",
        "HEADGATE_WORKER_ACCOUNT": "alice",
        "HEADGATE_WORKER_ENGINE": "api",
        "HEADGATE_WORKER_API__URL": "http://127.0.0.1:9000",
    }
    assert load(None, environ).account == "alice"


@pytest.mark.parametrize("content", [b"[]", b"a: [", b"\xff", b"text", None])
def test_a_file_that_cannot_be_read_is_one_clear_problem(tmp_path, content):
    file = tmp_path / "worker.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file, {})

    assert str(file) in caught.value.problems[0]


def test_secrets_do_not_show():
    secrets = API | {"token": "canary-1"}
    secrets["api"] = API["api"] | {"key": "canary-2", "headers": {"x-key": "canary-3"}}
    bad = secrets | {"drian": 1, "cli": {"environment": {"TOKEN": "canary-4"}}}

    assert "canary" not in repr(parse(secrets, {}))
    assert "canary" not in str(problems_of(bad))

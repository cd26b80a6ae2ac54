from pathlib import PurePath

import pytest

from worker.core.argv import arguments, environment, pinned
from worker.core.profile import Profile

HOME, CONFIG = PurePath("/srv/alice"), PurePath("/srv/alice/config")


def test_nothing_is_inherited_and_the_login_cannot_undo_what_a_worker_needs():
    found = environment(
        {"X": "1", "DISABLE_COMPACT": "0", "HOME": "/"}, HOME, CONFIG, 300, Profile()
    )

    assert found["X"] == "1"
    assert found["DISABLE_COMPACT"] == "1"
    assert (found["HOME"], found["CLAUDE_CONFIG_DIR"]) == ("/srv/alice", "/srv/alice/config")
    assert found["API_TIMEOUT_MS"] == "310000"
    assert not any("KEY" in name or "TOKEN" in name for name in found)


@pytest.mark.parametrize(
    ("login", "retries"),
    [
        ({"CLAUDE_CODE_OAUTH_TOKEN": "x"}, "0"),
        ({}, "0"),
        # Only the notice of another try tells these how long to wait.
        ({"ANTHROPIC_API_KEY": "x"}, "1"),
        ({"CLAUDE_CODE_USE_BEDROCK": "1"}, "1"),
    ],
)
def test_only_a_keyed_login_tries_again(login, retries):
    assert environment(login, HOME, CONFIG, 1, Profile())["CLAUDE_CODE_MAX_RETRIES"] == retries


def test_the_plain_profile_has_no_tools_settings_or_memory():
    assert {
        "--tools=",
        "--setting-sources=",
        "--strict-mcp-config",
        "--no-session-persistence",
    } <= set(arguments(Profile()))


def test_a_cloud_is_not_asked_at_every_start_which_models_there_are():
    bedrock = {"CLAUDE_CODE_USE_BEDROCK": "1", "ANTHROPIC_DEFAULT_OPUS_MODEL": "mine"}
    offered = ["us.anthropic.claude-sonnet-5-5", "us.anthropic.claude-sonnet-5", "haiku"]

    assert pinned(bedrock, offered) == {
        **bedrock,
        "ANTHROPIC_DEFAULT_SONNET_MODEL": "us.anthropic.claude-sonnet-5-5",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": "haiku",
    }
    assert pinned({"ANTHROPIC_API_KEY": "k"}, offered) == {"ANTHROPIC_API_KEY": "k"}

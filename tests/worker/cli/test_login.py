import asyncio
import json
import sys
from pathlib import Path

import pytest

from worker.cli.command import launch_of
from worker.cli.login import LoginWatch, expiry
from worker.config import CliSettings
from worker.core.state import Login

NOW = 1_790_000_000.0
PROGRAM = """#!{python} -S
import os
print('{{"loggedIn": %s}}' % open({answer!r}).read())
open({asked!r}, "a").write("x")
"""


def watch(folder: Path) -> LoginWatch:
    command, home = folder / "claude", folder / "home"
    texts = {"python": sys.executable, "answer": str(folder / "answer")}
    command.write_text(PROGRAM.format(asked=str(folder / "asked"), **texts))
    command.chmod(0o755)
    settings = CliSettings(command=str(command), home=home, config_dir=home / "config")
    return LoginWatch(launch_of(settings), folder / "credentials", clock=lambda: NOW)


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  the watch tells nobody
            await asyncio.sleep(0.005)


async def test_a_doubt_asks_again_and_many_ask_once(tmp_path):
    answer = tmp_path / "answer"
    answer.write_text("true")
    async with watch(tmp_path) as watching:
        assert watching.login == Login(ok=True, checked_at=NOW)
        answer.write_text("false")
        for _ in range(20):
            watching.doubt()
        await until(lambda: not watching.login.ok)

    assert (tmp_path / "asked").read_text() == "xx"


async def test_a_login_that_was_done_again_is_seen_by_its_file(tmp_path):
    answer = tmp_path / "answer"
    answer.write_text("false")
    async with watch(tmp_path) as watching:
        assert watching.renewed_at < NOW
        answer.write_text("true")
        (tmp_path / "credentials").write_text("{}")
        await until(lambda: watching.login.ok)

    assert watching.renewed_at == NOW


async def test_a_login_past_its_end_does_not_work_whatever_the_cli_says(tmp_path):
    (tmp_path / "answer").write_text("true")
    (tmp_path / "credentials").write_text(stored(expiresAt=NOW * 1000))
    async with watch(tmp_path) as watching:
        assert watching.login.works_at(NOW - 1)
        assert not watching.login.works_at(NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("[]", None),
        ("{}", None),
        ('{"claudeAiOauth": {"expiresAt": "soon"}}', None),
        # What is refreshed runs out with its refresh token, if anybody knows when that is.
        ('{"claudeAiOauth": {"expiresAt": 5000, "refreshToken": "r"}}', None),
        ('{"claudeAiOauth": {"refreshToken": "r", "refreshTokenExpiresAt": 9000}}', 9),
        ('{"claudeAiOauth": {"expiresAt": 5000}}', 5),
    ],
)
def test_a_stored_login_runs_out_when_it_cannot_be_refreshed(tmp_path, text, expected):
    file = tmp_path / "credentials"
    file.write_text(text)

    assert expiry(file) == expected


def stored(**tokens: object) -> str:
    return json.dumps({"claudeAiOauth": tokens})

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from worker.cli.command import launch_of, login, version
from worker.config import CliSettings
from worker.core.state import Login
from worker.errors import WorkerError


def program(folder: Path, body: str) -> Path:
    """A command that runs these lines of Python."""
    path = folder / "claude"
    path.write_text(f"#!{sys.executable} -S\n{body}\n")
    path.chmod(0o755)
    return path


def settings(folder: Path, command: object, **fields) -> CliSettings:
    home = folder / "home"
    return CliSettings(command=str(command), home=home, config_dir=home / "config", **fields)


def test_a_launch_holds_what_the_settings_say_in_folders_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    launch = launch_of(settings(Path(), sys.executable, environment={"X": "secret-value"}))

    assert launch.command[-1] == sys.executable
    assert launch.environment["X"] == "secret-value"
    assert "secret-value" not in repr(launch)
    assert launch.directory == tmp_path / "home" / "cwd"
    for folder in (launch.directory, launch.scratch, tmp_path / "home" / "config"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_an_earlier_run_left_in_the_scratch_folder_is_gone(tmp_path):
    left = launch_of(settings(tmp_path, sys.executable)).scratch / "left"
    left.mkdir()

    launch_of(settings(tmp_path, sys.executable))

    assert not left.exists()


def test_the_command_comes_from_the_path_else_from_the_package(tmp_path, monkeypatch):
    own = program(tmp_path, "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launch_of(settings(tmp_path, "claude")).command[-1] == str(own)

    monkeypatch.setenv("PATH", os.devnull)
    assert launch_of(settings(tmp_path, "claude")).command[-1].endswith("_bundled/claude")
    with pytest.raises(WorkerError, match="claudine"):
        launch_of(settings(tmp_path, "claudine"))


def test_folders_to_read_have_to_be_there(tmp_path):
    given = {"profile": "read-only", "add_dirs": [tmp_path / "gone"]}
    with pytest.raises(WorkerError, match=r"add_dirs: .*gone is no folder"):
        launch_of(settings(tmp_path, sys.executable, **given))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("print('2.1.329 (Claude Code)')", "2.1.329"),
        ("raise SystemExit(1)", ""),
    ],
)
async def test_the_version_is_the_first_word(tmp_path, body, expected):
    assert await version(launch_of(settings(tmp_path, program(tmp_path, body)))) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("""print('{"loggedIn": true, "loginExpiresAt": null}')""", Login(ok=True)),
        ("""print('{"loggedIn": true, "loginExpiresAt": 1790000000}')""", Login(True, 1790000000)),
        ("""print('{"loggedIn": false}'); raise SystemExit(1)""", Login(ok=False)),
        ("print('not yet')", Login(ok=False)),
        ("", Login(ok=False)),
    ],
)
async def test_the_login_is_what_the_cli_says_of_it(tmp_path, body, expected):
    assert await login(launch_of(settings(tmp_path, program(tmp_path, body)))) == expected


async def test_a_command_that_is_gone_holds_no_login(tmp_path):
    command = program(tmp_path, "")
    launch = launch_of(settings(tmp_path, command))
    command.unlink()

    assert await login(replace(launch, command=(str(command),))) == Login(ok=False)

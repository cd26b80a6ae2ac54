import asyncio
import sys
from pathlib import Path

from worker.cli.command import launch_of
from worker.cli.login import LoginWatch
from worker.config import CliSettings
from worker.core.state import Login

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
    return LoginWatch(
        launch_of(CliSettings(command=str(command), home=home, config_dir=home / "config"))
    )


async def test_a_doubt_asks_again_and_many_ask_once(tmp_path):
    answer = tmp_path / "answer"
    answer.write_text("true")
    async with watch(tmp_path) as watching:
        assert watching.login == Login(ok=True)
        answer.write_text("false")
        for _ in range(20):
            watching.doubt()
        async with asyncio.timeout(5):
            while watching.login.ok:  # noqa: ASYNC110  the watch tells nobody
                await asyncio.sleep(0.005)

    assert (tmp_path / "asked").read_text() == "xx"

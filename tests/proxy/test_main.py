import subprocess
import sys
from importlib.metadata import version

import pytest
from click.testing import CliRunner

from proxy.__main__ import main

HEAVY = {"aiohttp", "httptools", "prometheus_client", "pydantic", "rich", "structlog", "uvloop"}


def test_the_command_line_imports_nothing_heavy_before_a_command_runs():
    code = "import sys, proxy.__main__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()

    assert "click" in loaded
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("command", ["up", "serve", "login", "status", "check-config", "keys"])
def test_every_command_explains_itself(command):
    result = CliRunner().invoke(main, [command, "--help"])

    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 4


def test_the_version_is_told():
    assert CliRunner().invoke(main, ["--version"]).output == f"headgate {version('headgate')}\n"

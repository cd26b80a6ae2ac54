"""Tests that need what a machine may lack are left out there, and the run says so loudly."""

import shutil
from collections import Counter

import pytest

from tests.worker.engines.cli_rig import COMMAND


def pytest_collection_modifyitems(items):
    if shutil.which(COMMAND) is None:
        lacking = pytest.mark.skip(reason="needs the claude CLI, and there is none")
        for item in items:
            if "cli" in item.keywords:
                item.add_marker(lacking)


def pytest_terminal_summary(terminalreporter):
    """Name what was left out, and why, where nobody can overlook it."""
    left_out = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", ()))
    if left_out:
        terminalreporter.section("NOT RUN", red=True, bold=True)
    for reason, number in left_out.items():
        terminalreporter.line(f"{number} tests: {reason.removeprefix('Skipped: ')}", red=True)

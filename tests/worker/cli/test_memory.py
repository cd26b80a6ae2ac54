"""What processes take of the machine's memory."""

import os
import subprocess
import sys

import pytest

from worker.cli.memory import measured

MUCH = 48 * 1024 * 1024
GREEDY = f"held = bytes(range(256)) * ({MUCH} // 256); print('ready', flush=True); input()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {GREEDY!r}])"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@pytest.mark.parametrize("script", [GREEDY, PARENT])
def test_a_process_is_measured_with_all_that_it_started(script):
    command = [sys.executable, "-S", "-c", script]
    with subprocess.Popen(command, stdin=-1, stdout=-1) as process:
        assert process.stdout.readline() == b"ready\n"
        found = measured([process.pid, os.getpid()])
        process.communicate()

    assert MUCH < found[process.pid] < 2 * MUCH
    assert found[os.getpid()] > 0


def test_what_is_gone_is_left_out():
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()

    assert measured([process.pid]) == {}

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from proxy.commands.supervisor import Patience, Program, Supervisor
from tests.proxy.commands.waiting import is_gone, until

QUICK = Patience(first=0.01, longest=0.04, steady=60, grace=5)
ENVIRONMENT = {"PATH": os.environ["PATH"]}


def python(code, log=os.devnull):
    """A program of this code, what it prints goes to `log`."""
    code = f"import sys; sys.stdout = open({str(log)!r}, 'a', buffering=1)\n{code}"
    return Program("program", (sys.executable, "-c", code), ENVIRONMENT)


def lines(path: Path):
    return path.read_text().splitlines() if path.exists() else []


@asynccontextmanager
async def kept(*programs, patience=QUICK):
    supervisor = Supervisor(programs, patience)
    async with supervisor.keep():
        yield supervisor


@pytest.mark.parametrize(
    ("previous", "ran", "expected"),
    [
        (0.0, 0.1, 0.5),
        (0.5, 0.1, 1.0),
        (20.0, 0.1, 30.0),
        # A program that ran well for a while is not punished for what was before.
        (30.0, 61.0, 0.5),
    ],
)
def test_the_pause_before_a_restart(previous, ran, expected):
    assert Patience().pause(previous, ran) == expected


async def test_a_program_that_ends_is_started_again(tmp_path):
    log = tmp_path / "log"

    async with kept(python("print('here')", log)):
        await until(lambda: len(lines(log)) >= 3)

    assert set(lines(log)) == {"here"}


async def test_a_program_that_is_killed_is_started_again():
    async with kept(python("import time; time.sleep(600)")) as supervisor:
        first = await until(lambda: supervisor.running.get("program"))
        os.kill(first, signal.SIGKILL)
        second = await until(lambda: supervisor.running.get("program", first) - first)

        assert second
    assert supervisor.running == {}


async def test_a_program_that_does_not_exist_harms_no_other(tmp_path):
    log = tmp_path / "log"

    async with kept(Program("lost", ("/nowhere/at/all",)), python("print('here')", log)):
        await until(lambda: lines(log))

    assert lines(log)[0] == "here"


async def test_the_program_gets_the_given_environment_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-for-workers")
    log = tmp_path / "log"

    async with kept(python("import os; print(*sorted(os.environ))", log)):
        await until(lambda: lines(log))

    assert "ANTHROPIC_API_KEY" not in lines(log)[0].split()


async def test_stopping_lets_the_program_finish_and_ends_what_it_left_behind(tmp_path):
    log = tmp_path / "log"
    code = """
import signal, subprocess, sys, time
def end(*_):
    print("finished")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid)
time.sleep(600)
"""
    async with kept(python(code, log)) as supervisor:
        child = int((await until(lambda: lines(log)))[0])
        leader = supervisor.running["program"]

    assert lines(log)[1:] == ["finished"]
    assert is_gone(leader)
    await until(lambda: is_gone(child))


async def test_a_program_that_ignores_the_request_to_stop_is_killed(tmp_path):
    log = tmp_path / "log"
    code = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf")
time.sleep(600)
"""

    async with kept(python(code, log), patience=Patience(grace=0.05)) as supervisor:
        await until(lambda: lines(log))
        leader = supervisor.running["program"]

    assert is_gone(leader)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
async def test_programs_end_when_the_supervisor_is_killed():
    code = """
import asyncio, sys
from proxy.commands.supervisor import Program, Supervisor
async def main():
    sleeper = (sys.executable, "-c", "import time; time.sleep(600)")
    supervisor = Supervisor([Program("p", sleeper)])
    async with supervisor.keep():
        while not supervisor.running:
            await asyncio.sleep(0.01)
        print(supervisor.running["p"], flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), stdout=asyncio.subprocess.PIPE
    )
    program = int(await process.stdout.readline())
    await until(lambda: "leash.py" not in " ".join(psutil.Process(program).cmdline()))
    process.kill()
    await process.wait()

    await until(lambda: is_gone(program))

import asyncio
import json
import os
import signal
from dataclasses import replace

import psutil
import pytest

from tests.worker.cli.stand_in import launch
from worker.cli.process import CliProcess, ProcessGoneError
from worker.core.records import Assistant, Result

RESULT = b'{"type":"result","num_turns":1}'
SLEEP = "import time; time.sleep(60)"


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(3):
        while psutil.pid_exists(pid):  # noqa: ASYNC110  a foreign process tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture
async def start(tmp_path):
    started = []

    async def starter(script: str) -> CliProcess:
        started.append(await CliProcess.start(launch(tmp_path, script)))
        return started[-1]

    yield starter
    for process in started:
        process.kill()
        await process.gone()


async def test_records_come_in_order_and_noise_is_passed_over(start):
    process = await start(
        'print(\'warning: noise\\n\\n{"type": "noise"}\\n'
        '{"type": "assistant", "error": "x"}\\n{"type": "result", "num_turns": 4}\')'
    )

    assert await process.read(5) == Assistant(error="x")
    assert await process.read(5) == Result(num_turns=4)
    with pytest.raises(ProcessGoneError):
        await process.read(5)


async def test_a_line_of_many_megabytes_is_one_record(start):
    size = 24 * 1024 * 1024
    process = await start(f'print(\'{{"type": "result", "result": "\' + \'x\' * {size} + \'"}}\')')

    record = await process.read(20)

    assert len(record.result) == size


async def test_a_process_that_talks_on_and_on_is_held_back(start, tmp_path):
    script = (
        "import sys\n"
        f"for n in range(200000): print('{RESULT.decode()}' + ' ' * 200)\n"
        "open('done', 'w').close()"
    )
    process = await start(script)
    await process.read(5)

    assert not (tmp_path / "done").exists()
    for _ in range(199_999):
        await process.read(5)
    with pytest.raises(ProcessGoneError):
        await process.read(5)
    assert (tmp_path / "done").exists()


async def test_lines_go_in_whole_however_long_and_stderr_does_not_block(start):
    process = await start(
        "import sys\n"
        "sys.stderr.write('e' * 1000000)\n"
        'for line in sys.stdin: print(\'{"type": "result", "num_turns": %d}\' % len(line),'
        " flush=True)"
    )
    async with asyncio.timeout(20):
        await process.write(b"x" * 9_000_000 + b"\n", b"y\n")

    assert await process.read(20) == Result(num_turns=9_000_001)
    assert await process.read(5) == Result(num_turns=2)
    assert set(process.stderr_tail) == {"e"}
    assert len(process.stderr_tail) == 4096


async def test_silence_is_a_timeout_and_the_process_can_still_be_read(start):
    process = await start(
        f"import sys; sys.stdin.readline(); print('{RESULT.decode()}', flush=True);"
        " sys.stdin.readline()"
    )
    with pytest.raises(TimeoutError):
        await process.read(0.05)
    await process.write(b"go\n")

    assert await process.read(5) == Result(num_turns=1)
    assert process.alive


async def test_it_inherits_nothing_and_has_a_folder_of_its_own_for_a_while(start, tmp_path):
    process = await start(
        "import json, os, sys\n"
        "told = {**os.environ, 'GROUP': str(os.getpgid(0) == os.getpid())}\n"
        "print(json.dumps({'type': 'result', 'result': json.dumps(told)}), flush=True)\n"
        "sys.stdin.readline()"
    )
    told = json.loads((await process.read(5)).result)
    note = tmp_path / "sessions" / f"{process.pid}.json"
    note.touch()
    process.end()
    await process.gone()

    assert set(told) - {"LC_CTYPE"} == {"X", "TMPDIR", "XDG_CACHE_HOME", "GROUP"}
    assert told["GROUP"] == "True"
    assert os.listdir(tmp_path / "tmp") == []  # noqa: PTH208
    assert not note.exists()


async def test_the_end_takes_the_whole_group_even_if_it_will_not_hear(start):
    process = await start(
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"child = subprocess.Popen([sys.executable, '-S', '-c', {SLEEP!r}])\n"
        'print(\'{"type": "result", "num_turns": %d}\' % child.pid, flush=True)\n'
        "time.sleep(60)"
    )
    child = (await process.read(5)).num_turns
    process.end()

    assert not process.alive
    async with asyncio.timeout(2):
        await process.gone()
    await until_gone(child)


async def test_a_killed_process_is_gone_at_once(start):
    process = await start(SLEEP)
    process.kill()

    async with asyncio.timeout(0.4):
        await process.gone()
    assert not process.alive


async def test_a_process_that_dies_by_itself_takes_its_children_along(start):
    process = await start(
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-S', '-c', {SLEEP!r}], stdout=2)\n"
        'print(\'{"type": "result", "num_turns": %d}\' % child.pid, flush=True)'
    )
    child = (await process.read(5)).num_turns
    await process.gone()

    assert not process.alive
    await until_gone(child)


async def test_what_its_tools_have_started_goes_with_it_whatever_group_it_is_in(tmp_path):
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-S', '-c', {SLEEP!r}],"
        " start_new_session=True)\n"
        'print(\'{"type": "result", "num_turns": %d}\' % child.pid, flush=True)\n'
        "time.sleep(60)"
    )
    process = await CliProcess.start(replace(launch(tmp_path, script), works=True))
    child = (await process.read(5)).num_turns
    process.kill()
    await process.gone()

    await until_gone(child)


async def test_a_write_to_a_dead_process_does_not_wait(start):
    process = await start(SLEEP)
    os.kill(process.pid, signal.SIGKILL)
    async with asyncio.timeout(5):
        await process.write(b"x" * 10_000_000)
        with pytest.raises(ProcessGoneError):
            await process.read()


async def test_a_write_to_a_process_that_is_gone_says_so(start):
    process = await start("")
    await process.gone()

    with pytest.raises(ProcessGoneError):
        await process.write(b"x")


async def test_what_cannot_be_started_is_an_error(tmp_path):
    nothing = replace(launch(tmp_path), command=("/nowhere/claude",))

    with pytest.raises(OSError, match="No such file"):
        await CliProcess.start(nothing)
    assert os.listdir(tmp_path / "tmp") == []  # noqa: PTH208

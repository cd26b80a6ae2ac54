import asyncio
import time

from proxy.http1.deadlines import LATE, NEVER, Outflow, Sweep
from tests.proxy.http1.rig import eventually, pause


class Thing:
    def __init__(self, deadline):
        self.deadline = deadline
        self.calls = []

    def overdue(self, now):
        self.calls.append(now)
        self.deadline = NEVER


def now():
    return asyncio.get_running_loop().time()


async def test_a_deadline_is_noticed_after_it_and_not_before():
    sweep = Sweep([0.04])
    soon, later, never = Thing(now() + 0.05), Thing(now() + 60), Thing(NEVER)
    for thing in (soon, later, never):
        sweep.watch(thing)
    due = soon.deadline
    await eventually(lambda: soon.calls)

    assert due <= soon.calls[0] < due + 1
    assert later.calls == never.calls == []
    sweep.stop()


async def test_a_deadline_may_be_moved_at_any_time():
    sweep = Sweep([0.04])
    thing = Thing(now() + 60)
    sweep.watch(thing)
    thing.deadline = now()
    await eventually(lambda: thing.calls)
    sweep.stop()


async def test_what_is_forgotten_is_left_alone():
    sweep = Sweep([0.04])
    thing, other = Thing(now() + 0.02), Thing(now() + 0.02)
    sweep.watch(thing)
    sweep.watch(other)
    sweep.forget(thing)
    await eventually(lambda: other.calls)

    assert thing.calls == []
    sweep.stop()


async def test_no_timer_runs_where_nothing_is_watched():
    sweep = Sweep([0.04])
    thing = Thing(NEVER)
    sweep.watch(thing)
    sweep.forget(thing)
    await eventually(lambda: sweep._timer is None)

    sweep.watch(thing)
    assert sweep._timer is not None
    sweep.stop()
    assert sweep._timer is None


async def test_a_loop_that_was_held_up_reads_its_sockets_before_it_cuts_anyone():
    sweep = Sweep([0.04])
    thing = Thing(now() + 0.1)
    sweep.watch(thing)
    calls_after_first_turn = []

    def look():
        calls_after_first_turn.append(list(thing.calls))

    await pause(0)
    time.sleep(LATE + 0.2)  # noqa: ASYNC251 - holding the loop up is the point
    asyncio.get_running_loop().call_later(0, look)
    await eventually(lambda: thing.calls)

    assert calls_after_first_turn == [[]]
    sweep.stop()


class Pipe:
    def __init__(self, *sizes):
        self.sizes = list(sizes)

    def get_write_buffer_size(self):
        return self.sizes.pop(0)


def test_bytes_that_move_are_not_stuck():
    outflow = Outflow(Pipe(9, 9, 9, 5, 5, 0, 7, 7))
    seen = [outflow.stuck(moment) for moment in (10, 11, 12, 13, 15, 16, 17, 18)]

    assert seen == [0, 1, 2, 0, 2, None, 0, 1]

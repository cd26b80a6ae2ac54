"""What an engine knows of its account."""

import pytest

from tests.worker.engines.cli_rig import turn, user
from worker.core.verdict import Kind, Scope, Verdict
from worker.engines.account import Account
from worker.engines.base import TurnFailedError

TURN = turn(user("hi"))


def failing(kind, **more):
    return TurnFailedError(Verdict(kind, Scope.ACCOUNT, **more), 400, "api_error", "no")


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def account(now):
    return Account(3, clock=lambda: now[0])


def fail(account, error):
    with pytest.raises(TurnFailedError), account.running(TURN), account.noting(TURN):
        raise error


def test_slots_are_held_while_turns_run(account):
    with account.running(TURN), account.running(TURN):
        busy = account.state(is_open=True).slots

    assert (busy.max, busy.busy) == (3, 2)
    assert account.state(is_open=True).slots.busy == 0


def test_it_is_ready_once_it_may_connect(account):
    assert account.state(is_open=False).reason == "starting"
    assert account.state(is_open=True).ready


def test_a_limit_stands_until_its_time(account, now):
    fail(account, failing(Kind.QUOTA, until=1500.0))

    limited = account.state(is_open=True)
    assert (limited.ready, limited.limit.kind, limited.limit.until) == (True, Kind.QUOTA, 1500.0)
    now[0] = 1500.0
    assert account.state(is_open=True).limit is None
    assert account.state(is_open=True).slots.busy == 0


def test_a_login_that_is_refused_is_no_limit_but_no_login(account, now):
    fail(account, failing(Kind.AUTH))

    barred = account.state(is_open=True)
    assert (barred.ready, barred.reason, barred.login.ok, barred.limit) == (
        False,
        "auth",
        False,
        None,
    )
    now[0] += 61
    assert account.state(is_open=True).ready


def test_what_passes_by_itself_is_not_remembered(account):
    for kind in (Kind.BURST, Kind.OVERLOADED, Kind.CLIENT_ERROR, Kind.WORKER_ERROR):
        fail(account, failing(kind))

    assert account.state(is_open=True).limit is None


def test_a_success_that_began_later_clears_a_limit(account, now):
    fail(account, failing(Kind.BILLING, until=9999.0))
    account.served(TURN, begun=999.0)
    assert account.state(is_open=True).limit
    account.served(TURN, begun=1001.0)
    assert account.state(is_open=True).limit is None

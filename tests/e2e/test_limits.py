"""What clients are told when accounts are limited, full or broken: honestly, in their dialect."""

import asyncio

import pytest

from tests.e2e.rig import plain, team
from tests.simulator_rig import Simulator

NAMES = ("ann", "bob")


@pytest.fixture
async def simulator():
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def fleet(tmp_path, simulator):
    accounts = [plain(name, simulator, concurrency=20) for name in NAMES]
    async with team(tmp_path, accounts, simulator) as fleet:
        yield fleet


def bearer(name, simulator):
    """An account whose answers tell of five-hour and seven-day windows, as a login's do."""
    return {
        "name": name,
        "url": simulator.url,
        "headers": {"authorization": f"Bearer sim-{name}"},
    }


@pytest.fixture
async def logins(tmp_path, simulator):
    accounts = [bearer(name, simulator) for name in NAMES]
    async with team(tmp_path, accounts, simulator) as fleet:
        yield fleet


@pytest.mark.parametrize("stream", [False, True])
async def test_when_all_accounts_are_limited_for_long_the_answer_is_a_true_429(logins, stream):
    for name in NAMES:
        logins.simulator.exhaust(name, resets_in=3600)
    async with logins.post("hi", stream=stream) as answer:
        body = await answer.json()

    assert answer.status == 429
    assert body["error"]["type"] == "rate_limit_error"
    assert int(answer.headers["retry-after"]) == pytest.approx(3600, abs=3)
    assert answer.headers["x-should-retry"] == "false"
    assert body["request_id"] == answer.headers["request-id"]


async def test_a_limited_fleet_is_not_asked_again(logins):
    for name in NAMES:
        logins.simulator.exhaust(name, resets_in=3600)
    await logins.ask("hi")
    calls = len(logins.simulator.calls)
    answers = await asyncio.gather(*(logins.ask(f"hi {n}") for n in range(20)))

    assert {status for status, _ in answers} == {429}
    assert len(logins.simulator.calls) == calls


async def test_the_soonest_reset_is_the_one_that_is_told(logins):
    logins.simulator.exhaust("ann", resets_in=7200)
    logins.simulator.exhaust("bob", resets_in=600)
    async with logins.post("hi") as answer:
        assert int(answer.headers["retry-after"]) == pytest.approx(600, abs=3)


async def test_a_short_limit_is_waited_out_and_the_client_sees_a_success(logins):
    for name in NAMES:
        logins.simulator.exhaust(name, resets_in=2)
    status, _ = await logins.ask("hi")

    assert status == 200


async def test_who_does_not_want_to_wait_is_told_at_once(logins):
    for name in NAMES:
        logins.simulator.exhaust(name, resets_in=20)
    async with logins.post("hi", headers={"x-headgate-max-wait": "0"}) as answer:
        assert answer.status == 429
        assert 18 <= int(answer.headers["retry-after"]) <= 22
        assert "x-should-retry" not in answer.headers


async def test_a_full_provider_is_asked_in_place_and_its_529_is_passed_on(fleet):
    fleet.simulator.fault("529", count=None)
    async with fleet.post("hi", headers={"x-session-id": "one"}) as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["type"]) == (529, "overloaded_error")
    assert len({call.account for call in fleet.simulator.calls}) == 1
    assert len(fleet.simulator.calls) == 3
    assert {status.state for status in (await fleet.states()).values()} == {"ready"}


@pytest.mark.parametrize("fault", ["401", "403", "402", "credit"])
async def test_a_broken_account_is_left_and_its_error_never_passed_on(fleet, fault):
    fleet.simulator.fault(fault, count=None, account="ann")
    answers = [await fleet.ask(f"hi {n}") for n in range(8)]

    assert {status for status, _ in answers} == {200}
    assert sum(call.account == "ann" for call in fleet.simulator.calls) == 1


@pytest.mark.parametrize("fault", ["401", "403"])
async def test_without_a_working_login_the_answer_is_503_and_no_account_is_named(fleet, fault):
    fleet.simulator.fault(fault, count=None)
    status, body = await fleet.ask("hi")

    assert (status, body["error"]["type"]) == (503, "api_error")
    assert not any(name in body["error"]["message"] for name in NAMES)


@pytest.mark.parametrize(("fault", "expected"), [("400", 400), ("too_long", 400), ("413", 413)])
async def test_the_clients_own_fault_is_passed_on_and_blames_nobody(fleet, fault, expected):
    fleet.simulator.fault(fault)
    status, body = await fleet.ask("hi")

    assert status == expected
    assert body["type"] == "error"
    assert len(fleet.simulator.calls) == 1
    assert {status.state for status in (await fleet.states()).values()} == {"ready"}


async def test_poison_does_not_eject_the_accounts_that_others_use(fleet):
    for n in range(12):
        await fleet.ask(f"[[sim:fault=500]] poison {n}")
    answers = [await fleet.ask(f"good {n}") for n in range(8)]

    assert {status for status, _ in answers} == {200}


async def test_a_quoted_limit_sentence_is_an_ordinary_answer(fleet):
    status, body = await fleet.ask("say: You've hit your limit, resets 3pm")

    assert status == 200
    assert body["content"][0]["text"] == "You've hit your limit, resets 3pm"
    assert {status.state for status in (await fleet.states()).values()} == {"ready"}


async def test_an_error_in_a_200_body_is_no_success(fleet):
    fleet.simulator.fault("json_error", count=None)
    status, body = await fleet.ask("hi")

    assert status == 502
    assert body["error"]["type"] == "api_error"


async def test_only_the_limited_model_family_leaves_its_account(logins):
    logins.simulator.exhaust("ann", window="seven_day", resets_in=3600)
    await asyncio.gather(*(logins.ask(f"hi {n}") for n in range(6)))
    resting = (await logins.states())["ann"]

    assert resting.state == "quota"

import pytest

from simulator.ledger import Ledger, Refused
from simulator.plans import Burst, Plan, Window

MODEL = "claude-sonnet-5-5"
OPUS = "claude-opus-5-5"


def spend(ledger, times, now, model=MODEL):
    for _ in range(times):
        assert ledger.enter(model, now) is None
        ledger.leave()


def test_a_used_up_window_rejects_until_its_reset_and_not_longer():
    ledger = Ledger(Plan(windows={"five_hour": Window(2)}, time_scale=3600))
    spend(ledger, 2, now=100)

    assert ledger.enter(MODEL, 104.9) == Refused("window", pytest.approx(0.1))
    assert ledger.enter(MODEL, 105) is None


def test_a_window_opens_with_its_first_use():
    ledger = Ledger(Plan(windows={"five_hour": Window(2, seconds=10)}))
    before = ledger.standings(MODEL, 100)[0].resets_at
    spend(ledger, 1, now=105)

    assert before == 110
    assert ledger.standings(MODEL, 112)[0].resets_at == 115


def test_a_full_week_of_one_model_leaves_the_others_alone():
    ledger = Ledger(Plan(windows={"five_hour": Window(9), "seven_day_opus": Window(1)}))
    spend(ledger, 1, now=0, model=OPUS)

    assert ledger.enter(OPUS, 1) == Refused("window", 604_799)
    assert ledger.enter(MODEL, 1) is None


def test_of_two_full_windows_the_later_reset_counts():
    ledger = Ledger(Plan(windows={"five_hour": Window(1), "seven_day": Window(1)}))
    spend(ledger, 1, now=0)

    assert ledger.enter(MODEL, 0) == Refused("window", 604_800)


def test_overage_pays_for_what_the_window_has_not():
    ledger = Ledger(Plan(windows={"five_hour": Window(1)}, overage=True))
    spend(ledger, 5, now=0)

    assert ledger.standings(MODEL, 0)[0].utilization == 5


def test_tokens_are_charged_to_token_windows_only():
    ledger = Ledger(Plan(windows={"tokens": Window(100, unit="tokens"), "requests": Window(10)}))
    spend(ledger, 1, now=0)
    ledger.charge_tokens(MODEL, 60, 0)

    assert [standing.used for standing in ledger.standings(MODEL, 0)] == [60, 1]


def test_a_burst_waits_until_the_oldest_request_has_aged():
    ledger = Ledger(Plan(burst=Burst(2, seconds=10)))
    spend(ledger, 1, now=0)
    spend(ledger, 1, now=4)

    assert ledger.enter(MODEL, 5) == Refused("burst", 5)
    assert ledger.enter(MODEL, 10) is None
    assert ledger.enter(MODEL, 11) == Refused("burst", 3)


def test_requests_over_the_concurrency_limit_are_refused_and_not_counted():
    ledger = Ledger(Plan(windows={"five_hour": Window(10)}, concurrency=1))

    assert ledger.enter(MODEL, 0) is None
    assert ledger.enter(MODEL, 0) == Refused("concurrency", None)
    assert ledger.standings(MODEL, 0)[0].used == 1
    ledger.leave()
    assert ledger.enter(MODEL, 0) is None


def test_a_window_can_be_put_to_any_share_with_any_reset():
    ledger = Ledger(Plan(windows={"five_hour": Window(10)}))
    ledger.set_used("five_hour", 0.5, now=1000, resets_in=30)
    standing = ledger.standings(MODEL, 1000)[0]

    assert (standing.used, standing.resets_at) == (5, 1030)


def test_time_that_is_let_pass_brings_the_reset_nearer():
    ledger = Ledger(Plan(windows={"five_hour": Window(1)}, burst=Burst(1, seconds=60)))
    spend(ledger, 1, now=0)
    ledger.advance(18_000)

    assert ledger.enter(MODEL, 1) is None


def test_another_plan_begins_with_full_windows():
    ledger = Ledger(Plan(windows={"five_hour": Window(1)}))
    spend(ledger, 1, now=0)
    ledger.change(Plan(windows={"five_hour": Window(2)}))

    assert ledger.standings(MODEL, 0)[0].used == 0

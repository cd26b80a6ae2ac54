import pytest

from proxy.core.retry import Attempts, RetryBudget, Step, pause
from proxy.core.verdict import Kind, Verdict

FULL, EMPTY = 100.0, 0.0


def steps(kind, budget=FULL, *, started=False):
    attempts = Attempts()
    purse = RetryBudget(balance=budget)
    taken = []
    while len(taken) < 9:
        taken.append(attempts.after(Verdict(kind, started=started), purse))
        if taken[-1] in {Step.ANSWER, Step.SPENT}:
            break
    return taken


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # A provider that is full is asked again in place, never elsewhere.
        (Kind.OVERLOADED, [Step.AGAIN, Step.AGAIN, Step.ANSWER]),
        (Kind.THROTTLED, [Step.AGAIN, Step.ELSEWHERE, Step.ANSWER]),
        (Kind.BURST, [Step.ELSEWHERE, Step.ANSWER]),
        (Kind.WORKER_ERROR, [Step.ELSEWHERE, Step.ANSWER]),
        (Kind.TIMEOUT, [Step.ELSEWHERE, Step.ANSWER]),
        (Kind.CLIENT_ERROR, [Step.ANSWER]),
        (Kind.ABORTED, [Step.ANSWER]),
        (Kind.OK, [Step.ANSWER]),
    ],
)
def test_a_soft_failure_is_tried_again_so_often_and_no_more(kind, expected):
    assert steps(kind) == expected


@pytest.mark.parametrize("kind", [Kind.QUOTA, Kind.MODEL_LIMIT, Kind.BILLING, Kind.AUTH])
def test_a_rested_account_sends_its_request_on_even_without_budget(kind):
    assert steps(kind, budget=EMPTY) == [Step.ELSEWHERE] * 9


@pytest.mark.parametrize("kind", list(Kind))
def test_a_turn_that_may_have_started_is_never_sent_again(kind):
    assert steps(kind, started=True) == [Step.ANSWER]


def test_a_burst_pauses_its_account_and_so_needs_no_budget():
    assert steps(Kind.BURST, budget=EMPTY) == [Step.ELSEWHERE, Step.ANSWER]


@pytest.mark.parametrize("kind", [Kind.OVERLOADED, Kind.WORKER_ERROR, Kind.TIMEOUT])
def test_without_budget_a_soft_failure_is_answered_at_once(kind):
    assert steps(kind, budget=EMPTY) == [Step.SPENT]


def test_a_soft_failure_after_moves_still_has_its_own_tries():
    attempts, budget = Attempts(), RetryBudget()
    moved = [attempts.after(Verdict(Kind.QUOTA), budget) for _ in range(3)]

    assert moved == [Step.ELSEWHERE] * 3
    assert attempts.after(Verdict(Kind.WORKER_ERROR), budget) is Step.ELSEWHERE
    assert attempts.after(Verdict(Kind.WORKER_ERROR), budget) is Step.ANSWER


def test_a_request_that_finds_every_account_limited_is_told_so_in_the_end():
    attempts, budget = Attempts(), RetryBudget()
    taken = [attempts.after(Verdict(Kind.QUOTA), budget) for _ in range(17)]

    assert taken == [Step.ELSEWHERE] * 16 + [Step.ANSWER]


def test_a_full_outage_is_amplified_by_a_tenth_and_one_a_second():
    budget = RetryBudget(balance=0.0)
    retries = 0
    for n in range(10_000):  # 100 requests a second for 100 seconds, every one of them failing
        budget.earn(now=n / 100)
        retries += budget.spend()

    assert retries == pytest.approx(10_000 * 0.1 + 100, abs=2)


def test_quiet_hours_save_no_more_than_a_burst_of_ten():
    budget = RetryBudget(balance=0.0)
    budget.earn(now=86_400)

    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]


@pytest.mark.parametrize(("same", "longest"), [(1, 1.0), (2, 2.0), (3, 4.0), (9, 4.0)])
def test_the_pause_grows_and_is_jittered_down_to_nothing(same, longest):
    assert pause(same, 1.0) == longest
    assert pause(same, 0.0) == 0.0

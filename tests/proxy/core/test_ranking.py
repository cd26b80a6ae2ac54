from collections import Counter
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.account import ANY_MODEL, Account, AccountName, AccountState, Window
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.models import model_family
from proxy.core.ranking import BOUND, favour, rank, shares

NOW = 1_800_000_000.0
OPUS = model_family("opus")
NAMES = tuple(AccountName(f"account-{i}") for i in range(8))
SESSIONS = [f"{i:032x}" for i in range(3000)]


def fleet(names=NAMES[:4], windows=None, **weights):
    accounts = [Account(name, "http://x", weight=weights.get(name[-1:], 1.0)) for name in names]
    return shares(accounts, windows or {}, OPUS, NOW)


def state(in_flight=0, limit=1000, **fields):
    return AccountState(in_flight=in_flight, limit=limit, **fields)


def ranked(session, names=NAMES[:4], states=None, **options):
    known = {name: state() for name in names} | (states or {})
    return rank(session, fleet(names, **options), known, OPUS, NOW)


def homes(names=NAMES[:4], **options):
    return {session: ranked(session, names, **options)[0] for session in SESSIONS}


def resting(until, family=ANY_MODEL):
    return state(cooldowns={family: Cooldown(until, Reason.QUOTA)})


def test_replicas_that_know_the_same_agree():
    assert ranked("s") == ranked("s", NAMES[3::-1]) == ranked("s")
    assert sorted(ranked("s")) == sorted(NAMES[:4])


def test_the_hash_is_the_same_in_every_process():
    assert ranked("0" * 32) == (NAMES[0], NAMES[2], NAMES[3], NAMES[1])


def test_sessions_spread_evenly():
    counts = Counter(homes().values())

    assert all(count == pytest.approx(750, rel=0.12) for count in counts.values())


def test_an_account_twice_as_heavy_gets_twice_as_many():
    accounts = [Account(NAMES[0], "x", weight=2.0), Account(NAMES[1], "x", weight=1.0)]
    weighed = shares(accounts, {}, OPUS, NOW)
    counts = Counter(rank(session, weighed, {}, OPUS, NOW)[0] for session in SESSIONS)

    assert counts[NAMES[0]] == pytest.approx(2000, rel=0.06)


def test_losing_an_account_moves_only_its_own_sessions():
    before, after = homes(NAMES[:4]), homes(NAMES[:3])

    assert all(after[s] == home for s, home in before.items() if home != NAMES[3])


def test_a_new_account_takes_its_share_and_moves_nothing_else():
    before, after = homes(NAMES[:4]), homes(NAMES[:5])
    moved = [s for s in SESSIONS if before[s] != after[s]]

    assert all(after[s] == NAMES[4] for s in moved)
    assert len(moved) == pytest.approx(len(SESSIONS) / 5, rel=0.15)


@given(st.text(min_size=1), st.sets(st.sampled_from(NAMES), min_size=2), st.data())
def test_losing_any_account_keeps_the_order_of_the_others(session, names, data):
    lost = data.draw(st.sampled_from(sorted(names)))
    whole = ranked(session, sorted(names))

    assert ranked(session, sorted(names - {lost})) == tuple(n for n in whole if n != lost)


def test_a_resting_account_is_left_out_until_the_instant_it_may_serve():
    assert NAMES[1] not in ranked("s", states={NAMES[1]: resting(NOW + 0.001)})
    assert NAMES[1] in ranked("s", states={NAMES[1]: resting(NOW)})


def test_a_model_family_rests_alone():
    assert NAMES[1] not in ranked("s", states={NAMES[1]: resting(NOW + 9, OPUS)})
    assert NAMES[1] in ranked("s", states={NAMES[1]: resting(NOW + 9, model_family("haiku"))})


def test_where_all_rest_nobody_is_ranked():
    assert ranked("s", states={name: resting(NOW + 9) for name in NAMES}) == ()
    assert rank("s", (), {}, OPUS, NOW) == ()


def test_a_fleet_of_one_is_its_own_best_choice():
    assert ranked("s", NAMES[:1], {NAMES[0]: state(99)}) == NAMES[:1]


def test_an_account_over_its_bound_comes_after_those_within():
    first, *others = ranked("s")

    assert ranked("s", states={first: state(5)}) == (*others, first)


def test_an_account_that_is_full_comes_last_however_great_its_share():
    first, *others = ranked("s")
    busy = {name: state(9) for name in others}

    assert ranked("s", states={**busy, first: state(2, limit=2)}) == (*others, first)


def test_an_account_on_probation_goes_after_the_sound_and_before_the_overloaded():
    first, second, third, fourth = ranked("s")
    states = {first: state(9), second: state(probation=True)}

    assert ranked("s", states=states) == (third, fourth, second, first)


@given(st.lists(st.sampled_from(SESSIONS), min_size=1, max_size=60))
def test_nobody_carries_more_than_the_bound_while_sessions_pile_up(sessions):
    carried = Counter()
    for done, session in enumerate(sessions, start=1):
        states = {name: state(carried[name]) for name in NAMES[:4]}
        carried[rank(session, fleet(), states, OPUS, NOW)[0]] += 1

        assert max(carried.values()) <= ceil(BOUND * done / 4)


def test_without_a_session_the_least_loaded_goes_first_by_its_weight():
    accounts = [Account(NAMES[0], "x", weight=4.0), Account(NAMES[1], "x"), Account(NAMES[2], "x")]
    weighed = shares(accounts, {}, OPUS, NOW)
    states = {NAMES[0]: state(2), NAMES[1]: state(1), NAMES[2]: state(0)}

    assert rank(None, weighed, states, OPUS, NOW) == (NAMES[0], NAMES[2], NAMES[1])


def test_an_account_with_little_left_gets_few_new_sessions():
    windows = {NAMES[0]: [Window("five_hour", 0.9, NOW + 18_000)]}
    counts = Counter(homes(windows=windows).values())

    assert counts[NAMES[0]] == pytest.approx(3000 * 0.1 / 3.1, rel=0.25)


HOUR = 3600.0


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([], 1.0),
        ([Window("five_hour", 0.0)], 1.0),
        ([Window("five_hour", 0.42)], 0.6),
        ([Window("five_hour", 0.5)], 0.5),
        ([Window("five_hour", 0.9)], 0.1),
        # The least of the windows that apply.
        ([Window("five_hour", 0.2), Window("seven_day", 0.7)], 0.3),
        ([Window("seven_day_opus", 0.7, family=OPUS)], 0.3),
        ([Window("seven_day_sonnet", 0.7, family=model_family("sonnet"))], 1.0),
        # What has reset is whole again.
        ([Window("five_hour", 0.9, NOW)], 1.0),
        # Used up but not refused (overage, say): almost nothing, yet not nothing.
        ([Window("five_hour", 1.0)], 0.02),
        ([Window("five_hour", 7.0)], 0.02),
        # The nearer its reset, the more what is left is worth using.
        ([Window("five_hour", 0.5, NOW + 5 * HOUR)], 0.5),
        ([Window("five_hour", 0.5, NOW + 2.5 * HOUR)], 0.625),
        ([Window("five_hour", 0.5, NOW + 1)], 0.725),
        ([Window("seven_day", 0.5, NOW + 84 * HOUR)], 0.625),
        (
            [Window("five_hour", 0.5, NOW + 5 * HOUR), Window("seven_day", 0.1, NOW + HOUR)],
            0.725,
        ),
        # A reset that lies oddly far ahead tilts nothing.
        ([Window("five_hour", 0.5, NOW + 6 * HOUR)], 0.5),
        ([Window("requests", 0.5, NOW + 1)], 0.5),
    ],
)
def test_favour(windows, expected):
    assert favour(windows, OPUS, NOW) == pytest.approx(expected)


def test_small_changes_of_use_move_no_session():
    def at(utilization, now):
        windows = [Window("five_hour", utilization, NOW + 4 * HOUR)]
        return favour(windows, OPUS, now)

    assert at(0.41, NOW) == at(0.49, NOW) == at(0.45, NOW + 900)

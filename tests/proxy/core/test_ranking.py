from collections import Counter
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.account import Account, AccountName, Window
from proxy.core.models import model_family
from proxy.core.ranking import BOUND, Load, choose, favour, rank, shares

NOW = 1_800_000_000.0
OPUS = model_family("opus")
NAMES = tuple(AccountName(f"account-{i}") for i in range(8))
SESSIONS = [f"{i:032x}" for i in range(3000)]


def fleet(names=NAMES[:4], windows=None, **weights):
    accounts = [Account(name, "http://x", weight=weights.get(name[-1:], 1.0)) for name in names]
    return shares(accounts, windows or {}, OPUS, NOW)


def ranked(session, names=NAMES[:4], **options):
    return tuple(share.name for share in rank(session, fleet(names, **options)))


def homes(names=NAMES[:4], **options):
    return {session: ranked(session, names, **options)[0] for session in SESSIONS}


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
    counts = Counter(rank(session, weighed)[0].name for session in SESSIONS)

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


def test_without_a_session_nothing_is_drawn():
    assert ranked(None) == NAMES[:4]
    assert ranked("s", ()) == ()


def loads(*in_flight, **options):
    return [Load(1.0, carried, room=True, **options) for carried in in_flight]


FULL = Load(1.0, 1, room=False)
DOUBTFUL = Load(1.0, 0, room=True, doubtful=True)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        # In the order drawn, as long as nobody is over the bound.
        (loads(0, 0, 0), 0),
        (loads(1, 1, 1), 0),
        (loads(5, 0, 0, 0), 1),
        # The doubtful come after the sound, and before the overloaded.
        ([DOUBTFUL, *loads(0, 0)], 1),
        ([*loads(9), DOUBTFUL, *loads(0)], 2),
        ([*loads(9), DOUBTFUL], 1),
        # Those without room are none, and their load counts all the same.
        ([FULL, *loads(9, 0)], 2),
        ([FULL, *loads(1, 1)], 1),
        ([FULL, FULL], None),
        ([], None),
        # The overloaded still serve where nobody else can, the first drawn of them first.
        ([*loads(9), FULL, FULL], 0),
        ([FULL, *loads(3, 9)], 1),
        # A fleet of one is its own best choice.
        (loads(99), 0),
        # An account twice as heavy may carry twice as much.
        ([Load(2.0, 4, room=True), Load(1.0, 2, room=True)], 0),
        ([Load(1.0, 4, room=True), Load(2.0, 2, room=True)], 1),
    ],
)
def test_a_session_goes_to_the_first_within_its_bound(standing, expected):
    assert choose(standing, drawn=True) == expected


@given(st.lists(st.sampled_from(SESSIONS), min_size=1, max_size=60))
def test_nobody_carries_more_than_the_bound_while_sessions_pile_up(sessions):
    carried = Counter()
    for done, session in enumerate(sessions, start=1):
        order = ranked(session)
        carried[order[choose(loads(*(carried[name] for name in order)), drawn=True)]] += 1

        assert max(carried.values()) <= ceil(BOUND * done / 4)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (loads(2, 1, 3), 1),
        (loads(1, 1), 0),
        # By weight: five in four are more than one in one, but fewer than two.
        ([Load(4.0, 2, room=True), Load(1.0, 1, room=True), Load(1.0, 0, room=True)], 0),
        ([Load(4.0, 4, room=True), Load(1.0, 1, room=True), Load(1.0, 0, room=True)], 2),
        ([DOUBTFUL, *loads(1, 1)], 1),
        ([FULL, FULL], None),
    ],
)
def test_without_a_session_the_least_loaded_goes_first_by_its_weight(standing, expected):
    assert choose(standing, drawn=False) == expected


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

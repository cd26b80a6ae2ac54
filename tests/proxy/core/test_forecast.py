import pytest

from proxy.core.forecast import ENOUGH, STALE, Forecast, Place

NOW = 1000.0


def place(client="alice", *, family="opus", batch=False):
    return Place(family, client, batch)


def moving(every=2.0, grants=20):
    """A line that was served at this pace until just now, and is empty."""
    forecast, now = Forecast(), NOW - every * grants
    first = place("first")
    forecast.joined(first, now)
    for _ in range(grants):
        forecast.joined(first, now)
        now += every
        forecast.left(first, now, served=True)
    forecast.left(first, now, served=False)
    return forecast


def test_nobody_knows_how_fast_a_line_moves_that_has_not_moved():
    forecast = Forecast()
    assert forecast.wait(place(), NOW) is None
    forecast.joined(place(), NOW)
    assert forecast.wait(place(), NOW) is None


@pytest.mark.parametrize(("grants", "known"), [(ENOUGH - 1, False), (ENOUGH, True)])
def test_a_pace_is_believed_after_a_few_grants(grants, known):
    assert (moving(grants=grants).wait(place(), NOW) is not None) is known


def test_an_old_pace_says_nothing_any_more():
    forecast = moving(every=2)

    assert forecast.wait(place(), NOW + STALE - 1) == pytest.approx(2)
    assert forecast.wait(place(), NOW + STALE + 1) is None


def test_the_time_in_which_nobody_waited_is_no_part_of_the_pace():
    forecast = moving(every=2)
    forecast.joined(place(), NOW + 300)
    forecast.left(place(), NOW + 302, served=True)

    assert forecast.wait(place(), NOW + 302) == pytest.approx(2)


def test_a_line_that_stands_still_is_expected_to_stand_as_long_again():
    forecast = moving(every=2)
    for _ in range(5):
        forecast.joined(place(), NOW)

    assert forecast.wait(place(), NOW + 30) == pytest.approx(5 * 2 + 30)


def test_who_leaves_unserved_says_nothing_of_the_pace():
    forecast = moving(every=2)
    for _ in range(50):
        forecast.joined(place(), NOW)
        forecast.left(place(), NOW + 0.001, served=False)

    assert forecast.wait(place(), NOW) == pytest.approx(2)


@pytest.mark.parametrize(
    ("waiting", "who", "ahead"),
    [
        ([], place(), 0),
        ([place()] * 3, place(), 3),
        # One of each other client's for each of one's own.
        ([place("flood")] * 200, place(), 1),
        ([place("flood")] * 200 + [place()] * 2, place(), 5),
        ([place("b"), place("c"), place("d")], place(), 3),
        # Interactive work goes first.
        ([place("nightly", batch=True)] * 200, place(), 0),
        ([place("x")] * 7, place("nightly", batch=True), 7),
        ([place("x")] * 7 + [place("n2", batch=True)] * 9, place("nightly", batch=True), 8),
        # Other families have lines of their own.
        ([place("x", family="haiku")] * 9, place(), 0),
    ],
)
def test_who_is_served_before_a_newcomer(waiting, who, ahead):
    forecast = moving(every=2)
    for one in waiting:
        forecast.joined(one, NOW)

    assert forecast.wait(who, NOW) == pytest.approx((ahead + 1) * 2)
    assert forecast.waiting("opus") == sum(one.family == "opus" for one in waiting)

from math import inf

import pytest

from proxy.core.account import ANY_MODEL, AccountState
from proxy.core.capacity import Light, Line, Wait, room
from proxy.core.cooldown import Cooldown, Reason

NOW = 1000.0
NOBODY = Line(0, None, None)


def account(in_flight=0, limit=6, **cooldowns):
    rests = {
        ANY_MODEL if f == "all" else f: Cooldown(u, Reason.QUOTA) for f, u in cooldowns.items()
    }
    return AccountState(in_flight, limit, cooldowns=rests)


@pytest.mark.parametrize(
    ("accounts", "line", "light", "wait"),
    [
        ([account()], NOBODY, Light.GREEN, Wait(0, 0)),
        # Slots are free, but somebody waits for their own account or is about to be served.
        ([account()], Line(1, 0.5, 2.0), Light.YELLOW, Wait(0.5, 2.0)),
        # All are busy, and nobody knows for how long.
        ([account(6)], NOBODY, Light.YELLOW, Wait(None, None)),
        ([account(6), account(all=NOW + 90)], Line(4, 2.5, 10), Light.YELLOW, Wait(2.5, 10)),
        # None serves: until the soonest reset, where that is known.
        ([account(all=NOW + 90), account(opus=NOW + 30)], NOBODY, Light.RED, Wait(30, 30)),
        ([account(all=inf)], NOBODY, Light.RED, Wait(None, None)),
        ([], NOBODY, Light.RED, Wait(None, None)),
    ],
)
def test_the_light_and_the_wait(accounts, line, light, wait):
    seen = room(accounts, "opus", line, NOW)

    assert (seen.state, seen.wait) == (light, wait)


def test_only_accounts_that_serve_the_family_have_room():
    fleet = [account(2), account(7, 6), account(1, all=NOW + 90), account(3, opus=NOW + 60)]

    opus, haiku = (room(fleet, family, NOBODY, NOW) for family in ("opus", "haiku"))

    assert (opus.free, opus.in_flight, opus.limit, opus.resets_at) == (4, 9, 12, NOW + 60)
    assert (haiku.free, haiku.in_flight, haiku.limit, haiku.resets_at) == (7, 12, 18, NOW + 90)


def test_a_rest_that_is_over_is_none():
    assert room([account(all=NOW)], "opus", NOBODY, NOW).state is Light.GREEN

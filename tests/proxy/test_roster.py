from dataclasses import replace

from proxy.core.account import Window
from proxy.roster import Roster
from proxy.store.base import Candidate
from tests.proxy.pool_rig import OPUS, A, B, C, accounts


def names(candidates):
    return [candidate.name for candidate in candidates]


def candidates(roster, tried=()):
    return roster.candidates(roster.shares(OPUS, 0), tried)


def test_candidates_are_all_in_service_with_their_shares_and_whether_they_were_tried():
    roster = Roster(accounts("a", "b"))
    roster.observe(B, [Window("five_hour", 0.5)])

    assert candidates(roster, {B}) == (Candidate(A, 6), Candidate(B, 6, tried=True, share=0.5))


def test_what_is_out_of_service_is_no_candidate_and_has_no_share():
    roster = Roster(accounts("a", "b"))
    before = roster.shares(OPUS, 0)
    roster.set_ready(A, "draining")

    assert names(candidates(roster)) == [B]
    assert roster.alone(A) == ()
    assert [share.name for share in before] == [A, B]
    assert [share.name for share in roster.shares(OPUS, 0)] == [B]
    assert roster.unready(A) == "draining"


def test_only_a_change_of_readiness_is_news():
    roster = Roster(accounts("a"))

    told = [roster.set_ready(A, why) for why in (None, "auth", "auth", "engine", None, None)]

    assert told == [False, True, False, True, True, False]
    assert not roster.set_ready(B, "auth")


def test_nobody_is_sent_more_than_it_has_slots_for():
    roster = Roster(accounts("a", "b"))

    assert [roster.set_slots(name, most) for name, most in ((A, 2), (A, 2), (B, 9), (C, 1))] == [
        *(True, False, True, False)
    ]
    assert candidates(roster) == (Candidate(A, 2), Candidate(B, 6))
    assert candidates(roster, {A}) == (Candidate(A, 2, tried=True), Candidate(B, 6))
    roster.replace(accounts("a", concurrency=3))
    assert roster.alone(A) == (Candidate(A, 2),)
    roster.set_slots(A, 5)
    assert roster.alone(A) == (Candidate(A, 3),)


def test_a_new_configuration_keeps_what_is_known_of_those_that_stay():
    roster = Roster(accounts("a", "b"))
    for account in (A, B):
        roster.set_ready(account, "auth")
        roster.observe(account, [Window("five_hour", 0.5)])
    roster.replace(accounts("b", "c", concurrency=2))

    assert (roster.unready(A), roster.unready(B)) == (None, "auth")
    assert set(roster.windows) == {B}
    assert roster.alone(C) == (Candidate(C, 2),)


def test_what_a_worker_told_is_forgotten_where_a_messages_api_takes_its_place():
    roster = Roster(accounts("a"))
    roster.set_ready(A, "unreachable")
    roster.set_slots(A, 1)
    roster.replace([replace(account, plain=True) for account in accounts("a")])

    assert roster.alone(A) == (Candidate(A, 6),)


def test_shares_follow_the_windows_within_a_second():
    roster = Roster(accounts("a"))
    (full,) = roster.shares(OPUS, 0)
    roster.observe(A, [Window("five_hour", 0.8)])
    (soon,) = roster.shares(OPUS, 0.5)
    (later,) = roster.shares(OPUS, 1.5)

    assert soon == full
    assert later.weight < full.weight


def test_windows_of_strangers_are_not_kept():
    roster = Roster(accounts("a"))
    roster.observe(B, [Window("five_hour", 0.5)])

    assert roster.windows == {}

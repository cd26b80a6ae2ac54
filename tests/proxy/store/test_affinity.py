from proxy.core.account import ANY_MODEL
from proxy.store.affinity import Affinity
from tests.proxy.store.wishes import HAIKU, OPUS, A, B


def test_over_the_limit_the_least_recently_used_goes():
    affinity = Affinity(ttl=100, limit=3)
    for now, session in enumerate("rst"):
        affinity.bind(session, A, ANY_MODEL, now)
    affinity.find("r", 10)
    affinity.bind("u", A, ANY_MODEL, 11)

    assert [affinity.peek(session, OPUS, 12) for session in "rstu"] == [A, None, A, A]


def test_a_hundred_thousand_sessions_leave_no_more_than_the_limit():
    affinity = Affinity(ttl=1e9, limit=1000)
    for number in range(100_000):
        affinity.bind(f"s{number}", A, ANY_MODEL, number)

    assert len(affinity) == 1000


def test_what_has_run_out_gives_way_as_new_sessions_come():
    affinity = Affinity(ttl=10, limit=1000)
    for number in range(500):
        affinity.bind(f"old{number}", A, ANY_MODEL, 0)
    for number in range(500):
        affinity.bind(f"new{number}", A, ANY_MODEL, 11)

    assert len(affinity) == 500


def test_most_hits_are_no_news():
    affinity = Affinity(ttl=1000, limit=10)
    affinity.bind("s", A, ANY_MODEL, 0)
    before = affinity.changes
    for tenth in range(100):
        affinity.find("s", tenth / 10)

    assert affinity.changes == before
    affinity.find("s", 11)
    assert affinity.changes == before + 1


def test_a_session_may_have_another_account_for_one_model():
    affinity = Affinity(ttl=100, limit=10)
    affinity.bind("s", A, ANY_MODEL, 0)
    affinity.bind("s", B, OPUS, 1)

    assert (affinity.peek("s", OPUS, 2), affinity.peek("s", HAIKU, 2)) == (B, A)

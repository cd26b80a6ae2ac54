import pytest

from proxy.core.verdict import CONSEQUENCES, Kind


def kinds(**wanted):
    return {
        kind
        for kind, rule in CONSEQUENCES.items()
        if all(bool(getattr(rule, name)) is value for name, value in wanted.items())
    }


def test_every_kind_has_its_consequence():
    assert set(CONSEQUENCES) == set(Kind)


def test_only_hard_states_move_a_session():
    assert kinds(moves=True) == {Kind.QUOTA, Kind.MODEL_LIMIT, Kind.BILLING, Kind.AUTH}


def test_what_is_not_the_accounts_doing_leaves_no_mark_on_it():
    unmarked = kinds(rests=False, counts=False, moves=False)

    assert unmarked == {
        Kind.OK,
        Kind.THROTTLED,
        Kind.OVERLOADED,
        Kind.CLIENT_ERROR,
        Kind.ABORTED,
    }


def test_a_full_provider_is_asked_again_in_place_and_never_by_another_account():
    rule = CONSEQUENCES[Kind.OVERLOADED]

    assert (rule.same_again, rule.elsewhere) == (2, 0)


@pytest.mark.parametrize("kind", [Kind.CLIENT_ERROR, Kind.ABORTED])
def test_the_clients_own_doing_is_never_tried_again(kind):
    rule = CONSEQUENCES[kind]

    assert (rule.same_again, rule.elsewhere) == (0, 0)


def test_a_burst_goes_to_one_idle_sibling_at_most():
    rule = CONSEQUENCES[Kind.BURST]

    assert (rule.elsewhere, rule.if_idle) == (1, True)

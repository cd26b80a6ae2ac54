import pytest

from proxy.core.account import AccountName
from proxy.core.membership import PATIENCE, Duplicate, Membership, Sighting, listed, members

A, B = AccountName("a"), AccountName("b")
ONE, TWO, THREE = "10.0.0.1:9100", "10.0.0.2:9100", "10.0.0.3:9100"


def sighting(account=A, **fields):
    return Sighting(account, **fields)


@pytest.mark.parametrize(
    ("known", "addresses", "expected"),
    [
        ({}, [ONE], {ONE: Sighting()}),
        ({ONE: sighting(slots=4)}, [ONE], {ONE: sighting(slots=4)}),
        # Missing from one list is a flap, missing from several a farewell.
        ({ONE: sighting()}, [], {ONE: sighting(gone=1)}),
        ({ONE: sighting(gone=1)}, [ONE], {ONE: sighting()}),
        ({ONE: sighting(gone=PATIENCE - 1)}, [TWO], {TWO: Sighting()}),
    ],
)
def test_listed(known, addresses, expected):
    assert listed(known, addresses) == expected


@pytest.mark.parametrize(
    ("before", "seen", "expected"),
    [
        ({}, {ONE: sighting(), TWO: sighting(B)}, {A: ONE, B: TWO}),
        # One that has not said who it is serves nobody.
        ({}, {ONE: Sighting()}, {}),
        # Of two that come together the same one on every replica.
        ({}, {TWO: sighting(), ONE: sighting()}, {A: ONE}),
        # The first one stays,
        ({A: TWO}, {ONE: sighting(), TWO: sighting()}, {A: TWO}),
        # also where it was silent once,
        ({A: TWO}, {ONE: sighting(), TWO: sighting(silent=1)}, {A: TWO}),
        # unless it stays silent or has left the list and another answers.
        ({A: TWO}, {ONE: sighting(), TWO: sighting(silent=PATIENCE)}, {A: ONE}),
        ({A: TWO}, {ONE: sighting(), TWO: sighting(gone=1)}, {A: ONE}),
        # With nobody to take over, it is not given up.
        ({A: TWO}, {TWO: sighting(silent=99)}, {A: TWO}),
        ({A: TWO}, {TWO: sighting(gone=1), ONE: sighting(silent=1)}, {A: TWO}),
        # An address that another worker has taken over serves the other's account.
        ({A: ONE, B: TWO}, {ONE: sighting(B), TWO: sighting(B)}, {B: TWO}),
        ({A: ONE}, {ONE: sighting(B)}, {B: ONE}),
    ],
)
def test_members(before, seen, expected):
    assert members(Membership(before), seen, ()).holders == expected


def test_the_others_of_one_account_are_duplicates():
    seen = {ONE: sighting(), TWO: sighting(), THREE: sighting(B)}

    assert members(Membership({}), seen, ()).duplicates == (Duplicate(A, TWO, ONE),)


def test_what_is_configured_is_nobody_elses():
    found = members(Membership({A: ONE}), {ONE: sighting(), TWO: sighting(B)}, {A})

    assert found.holders == {B: TWO}
    assert found.duplicates == (Duplicate(A, ONE, "configuration"),)

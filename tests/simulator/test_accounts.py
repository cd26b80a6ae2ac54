import pytest

from simulator.accounts import Accounts
from simulator.config import AccountConfig, Config
from simulator.errors import ApiError
from simulator.plans import Plan, Style

CONFIG = Config(
    plans={"team": Plan(style=Style.UNIFIED)},
    accounts=(AccountConfig("alice"), AccountConfig("bob", keys=("k1", "k2"), plan="team")),
)


def key(value):
    return {"x-api-key": value}


def bearer(value):
    return {"authorization": f"Bearer {value}"}


@pytest.mark.parametrize(
    ("headers", "name", "style"),
    [
        (key("sim-alice"), "alice", Style.KEY),
        (bearer("sim-alice"), "alice", Style.UNIFIED),
        (key("k2"), "bob", Style.UNIFIED),
        (bearer("k1"), "bob", Style.UNIFIED),
    ],
)
def test_an_account_is_found_by_any_of_its_credentials(headers, name, style):
    account, found = Accounts(CONFIG).of(headers)

    assert (account.name, found) == (name, style)


@pytest.mark.parametrize("headers", [{}, key("sim-eve"), bearer(""), {"authorization": "Basic k1"}])
def test_an_unknown_credential_is_refused(headers):
    with pytest.raises(ApiError) as caught:
        Accounts(CONFIG).of(headers)

    assert (caught.value.status, caught.value.kind) == (401, "authentication_error")


def test_where_all_are_welcome_every_credential_is_an_account_of_its_own():
    accounts = Accounts(Config(open=True))
    carol, _ = accounts.of(key("sim-carol"))
    other, _ = accounts.of(key("whatever"))

    assert carol is accounts.named("carol")
    assert carol is not other
    assert "whatever" not in other.name


def test_an_account_that_is_not_there_cannot_be_named():
    with pytest.raises(ApiError, match="no account eve"):
        Accounts(CONFIG).named("eve")

import pytest

from proxy.core.account import ANY_MODEL, Account, AccountName, AccountState
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.models import ModelFamily

OPUS, HAIKU = ModelFamily("opus"), ModelFamily("haiku")
WHOLE = Cooldown(2000, Reason.QUOTA)
OF_OPUS = Cooldown(3000, Reason.MODEL_LIMIT)
STATE = AccountState(cooldowns={ANY_MODEL: WHOLE, OPUS: OF_OPUS})


@pytest.mark.parametrize(
    ("family", "now", "expected"),
    [
        # Of the two that keep a family off, the later one stands.
        (OPUS, 1000, OF_OPUS),
        (HAIKU, 1000, WHOLE),
        (ANY_MODEL, 1000, WHOLE),
        # A cooldown ends by time alone.
        (HAIKU, 2000, None),
        (OPUS, 2000, OF_OPUS),
        (OPUS, 3000, None),
    ],
)
def test_the_cooldown_that_keeps_a_family_off(family, now, expected):
    assert STATE.cooldown(family, now) == expected


def test_an_account_tells_no_secret():
    account = Account(AccountName("ann"), "http://x", headers={"x-api-key": "canary"})

    assert "canary" not in repr(account)

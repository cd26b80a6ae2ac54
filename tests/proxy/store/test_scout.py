import asyncio

import pytest

from proxy.core.cooldown import Reason
from proxy.store.scout import Scout
from tests.proxy.store.factories import Ear
from tests.proxy.store.wishes import A


@pytest.mark.parametrize(
    ("tell", "heard", "news"),
    [
        (lambda scout: scout.account_freed(A), ("freed", A), False),
        (lambda scout: scout.account_rested(A, Reason.AUTH), ("rested", A, Reason.AUTH), True),
        (lambda scout: scout.account_woken(A), ("woken", A), True),
    ],
)
def test_all_is_passed_on_and_rests_are_looked_into(tell, heard, news):
    ear, looked = Ear(), asyncio.Event()

    tell(Scout(ear, looked))

    assert ear.heard == [heard]
    assert looked.is_set() == news

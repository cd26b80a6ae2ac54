"""Short words for what the tests of stores say often."""

import itertools

from proxy.core.account import ANY_MODEL, AccountName, ModelFamily
from proxy.core.cooldown import Cooldown, Reason
from proxy.store.base import Candidate, Placing, Pressure, Reach, Settlement, Slot, Wish

A, B, C = AccountName("a"), AccountName("b"), AccountName("c")
OPUS, HAIKU = ModelFamily("opus"), ModelFamily("haiku")
OK = Settlement(proven=True, pressure=Pressure.CLEAN)
GONE = Settlement()

_ids = itertools.count()


def candidates(*names, concurrency=6, tried=()):
    return tuple(Candidate(AccountName(n), concurrency, tried=n in tried) for n in names)


def wish(session=None, among="ab", *, id_=None, family=OPUS, reach=Reach.SPILL, wait=60, **options):
    options.setdefault("concurrency", 6)
    among = candidates(*among, **options)
    return Wish(id_ or f"w{next(_ids)}", session, family, among, reach, wait)


def burst(until):
    cooldown = Cooldown(until, Reason.BURST)
    return Settlement(cooldown=cooldown, family=ANY_MODEL, pressure=Pressure.BURST, failed=True)


def quota(until):
    return Settlement(cooldown=Cooldown(until, Reason.QUOTA), family=ANY_MODEL, failed=True)


def model_limit(until, family=OPUS):
    return Settlement(cooldown=Cooldown(until, Reason.MODEL_LIMIT), family=family, failed=True)


async def bind(store, session, account, family=OPUS):
    """Bind a session to an account by a request that it served."""
    slot = await store.claim(wish(session, [account], family=family))
    assert isinstance(slot, Slot)
    assert slot.placing is Placing.FIRST
    store.settle(slot, OK)


async def fill(store, account, count, **options):
    """Take so many slots of an account, for no session."""
    slots = [await store.claim(wish(None, [account], **options)) for _ in range(count)]
    assert all(isinstance(slot, Slot) for slot in slots)
    return slots

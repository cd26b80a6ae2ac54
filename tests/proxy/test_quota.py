from contextlib import suppress

import pytest

from proxy.config import Client
from proxy.core.quota import ClientLimits
from proxy.core.routes import route_of
from proxy.edge import Trip
from proxy.errors import ClientLimitError, ForbiddenModelError
from proxy.ledger import MemoryLedger
from proxy.quota import Quotas, check_model
from tests.proxy.store.factories import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def quotas(clock):
    return Quotas(MemoryLedger(clock), clock)


def client(**limits):
    return Client("alice", b"", limits=ClientLimits(**limits))


def trip(name="r"):
    return Trip(name, route_of(b"/v1/messages"))


async def use(quotas, who, name="r"):
    made = trip(name)
    async with quotas.hold(who, made):
        return dict(made.limits)


async def test_a_request_is_counted_until_it_ends_however_it_ends(quotas):
    alice = client(concurrency=1)
    with suppress(KeyError):
        async with quotas.hold(alice, trip("first")):
            with pytest.raises(ClientLimitError, match="open") as refused:
                await use(quotas, alice, "second")
            raise KeyError

    assert refused.value.retry_after == 1
    await use(quotas, alice, "third")


async def test_the_wait_that_is_told_is_enough(quotas, clock):
    alice = client(requests_per_minute=6)
    await use(quotas, alice, "a")
    with pytest.raises(ClientLimitError) as refused:
        await use(quotas, alice, "b")
    clock.advance(refused.value.retry_after)
    await use(quotas, alice, "c")


async def test_what_is_left_is_told_in_headers_also_of_what_is_refused(quotas):
    alice = client(requests_per_minute=60, burst=2)
    found = [await use(quotas, alice, str(n)) for n in range(2)]
    refused = trip("refused")
    with pytest.raises(ClientLimitError):
        async with quotas.hold(alice, refused):
            pass

    left = [headers[b"ratelimit"] for headers in (*found, dict(refused.limits))]
    assert left == [b'"requests";r=1;t=1', b'"requests";r=0;t=2', b'"requests";r=0;t=2']


async def test_who_has_no_limits_is_told_of_none_and_nothing_is_counted():
    """The ledger that is not there would be missed."""
    assert await use(Quotas(None, None), client(models=("opus",))) == {}


def test_a_key_covers_models_by_family_or_by_name():
    alice = client(models=("haiku", "claude-sonnet-5-5"))
    check_model(alice, "claude-haiku-4-5")
    check_model(alice, "claude-sonnet-5-5")

    with pytest.raises(ForbiddenModelError):
        check_model(alice, "claude-opus-5-5")

from contextlib import ExitStack

import pytest

from proxy.config import Client
from proxy.core.quota import ClientLimits
from proxy.errors import ClientLimitError, ForbiddenModelError
from proxy.quota import Quotas


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def quotas(clock):
    return Quotas(clock)


def client(**limits):
    return Client("alice", b"", limits=ClientLimits(**limits))


def use(quotas, who, model="claude-sonnet-5-5"):
    with quotas.hold(who, model):
        pass


def test_a_client_has_so_many_requests_open_and_gets_them_back(quotas):
    alice = client(concurrency=2)
    with ExitStack() as held:
        held.enter_context(quotas.hold(alice, None))
        held.enter_context(quotas.hold(alice, None))
        with pytest.raises(ClientLimitError, match="open") as refused:
            use(quotas, alice)

        assert refused.value.retry_after == 1
    use(quotas, alice)


def test_a_request_that_failed_is_given_back_too(quotas):
    alice = client(concurrency=1)
    with pytest.raises(KeyError), quotas.hold(alice, None):
        raise KeyError
    use(quotas, alice)


def test_the_wait_that_is_told_is_enough(quotas, clock):
    alice = client(requests_per_minute=6)
    use(quotas, alice)
    with pytest.raises(ClientLimitError) as refused:
        use(quotas, alice)
    clock.now += refused.value.retry_after
    use(quotas, alice)


def test_tokens_are_of_the_day(quotas, clock):
    alice = client(tokens_per_day=100)
    quotas.spend("alice", 100)
    with pytest.raises(ClientLimitError) as refused:
        use(quotas, alice)
    clock.now += refused.value.retry_after
    use(quotas, alice)


def test_a_key_covers_models_by_family_or_by_name(quotas):
    alice = client(models=("haiku", "claude-sonnet-5-5"))
    use(quotas, alice, "claude-haiku-4-5")
    use(quotas, alice, "claude-sonnet-5-5")

    with pytest.raises(ForbiddenModelError):
        use(quotas, alice, "claude-opus-5-5")


def test_clients_do_not_share_what_they_used(quotas):
    limits = ClientLimits(requests_per_minute=1)
    use(quotas, Client("alice", b"", limits=limits))
    use(quotas, Client("bob", b"", limits=limits))

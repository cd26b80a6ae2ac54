import pytest

from tests.proxy.store.factories import FACTORIES, Ear
from tests.proxy.store.topologies import TOPOLOGIES

STORES = FACTORIES | TOPOLOGIES


@pytest.fixture(params=STORES)
async def bench(request):
    async with STORES[request.param]() as bench:
        yield bench


@pytest.fixture
def store(bench):
    return bench.store


@pytest.fixture
def clock(bench):
    return bench.clock


@pytest.fixture
def ear(store):
    ear = Ear()
    store.watch(ear)
    return ear

import pytest

from tests.proxy.store.factories import FACTORIES, Ear


@pytest.fixture(params=FACTORIES)
async def bench(request):
    async with FACTORIES[request.param]() as bench:
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

from importlib.resources import files

import pytest

from proxy.store.away import Away, StoreAwayError
from proxy.store.redis.script import PARTS
from tests.proxy.store.factories import on_redis, redis
from tests.proxy.store.wishes import A, fill, wish


async def test_a_server_that_has_lost_the_script_is_sent_it():
    async with on_redis(1) as (store,):
        await fill(store, A, 1)
        redis().call("SCRIPT", "FLUSH")

        assert (await store.snapshot()).accounts[A].in_flight == 1


async def test_a_key_of_another_type_is_a_store_that_is_away():
    async with on_redis(1) as (store,):
        redis().call("SET", "{headgate}:gates", "a string")

        with pytest.raises(StoreAwayError) as away:
            await store.claim(wish(None, "a"))

    assert away.value.kind is Away.TYPE


def test_every_file_of_lua_is_part_of_the_script():
    found = {part.name for part in (files("proxy.store.redis") / "lua").iterdir()}

    assert found == {f"{part}.lua" for part in PARTS}

from proxy.core.account import Account, AccountName
from proxy.lineup import Lineup
from proxy.prober import Prober
from tests.proxy.pool_rig import A, B, C, rig


def account(name, port=1):
    return Account(AccountName(name), f"http://127.0.0.1:{port}", plain=True)


async def test_configured_and_discovered_accounts_serve_together():
    async with rig() as pool, Prober(pool.pool, pool.store) as prober:
        lineup = Lineup(pool.pool, prober)
        lineup.configure([account("a")])
        lineup.discover([account("b")])
        together = [status.name for status in await pool.pool.states()]
        lineup.configure([account("c")])

        assert together == [A, B]
        assert [status.name for status in await pool.pool.states()] == [C, B]
        assert (lineup.configured, lineup.names) == ({C}, {B, C})


async def test_of_two_with_one_name_the_configured_one_stands():
    async with rig() as pool, Prober(pool.pool, pool.store) as prober:
        lineup = Lineup(pool.pool, prober)
        lineup.discover([account("a", port=2)])
        lineup.configure([account("a", port=3)])

        assert lineup.ways[A].origin.port == 3


async def test_the_way_to_one_that_is_gone_stays_for_its_last_requests():
    async with rig() as pool, Prober(pool.pool, pool.store) as prober:
        lineup = Lineup(pool.pool, prober)
        lineup.configure([account("a")])
        lineup.configure([account("b")])

        assert set(lineup.ways) == {A, B}
        assert [status.name for status in await pool.pool.states()] == [B]

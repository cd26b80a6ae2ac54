from proxy import wiring
from proxy.config import (
    Affinity,
    Gate,
    Limits,
    Probing,
    Queue,
    Retries,
    Settings,
    SharedStore,
    Timeouts,
)
from proxy.store.address import Link, StoreAddress

SETTINGS = Settings(
    accounts=(),
    affinity=Affinity(ttl=11, max_sessions=12),
    gate=Gate(lease_ttl=30, spill_after=4),
    queue=Queue(max_requests=5, max_bytes=6, max_wait=7),
    retries=Retries(share=0.2, floor=2),
    limits=Limits(body=1000, header=2000),
    probing=Probing(every=1000, model="cheap"),
    timeouts=Timeouts(
        client_header=21,
        client_body_idle=22,
        client_idle=23,
        client_write=24,
        connect=25,
        first_byte=26,
        first_content=27,
        ping=28,
        stream_idle=29,
    ),
    expose_account=True,
)


def test_leases_are_renewed_often_enough_that_two_renewals_may_fail():
    assert wiring.pool_policy(SETTINGS).renew_every * 3 <= SETTINGS.gate.lease_ttl


def test_every_setting_reaches_its_part():
    store, pool = wiring.store_policy(SETTINGS), wiring.pool_policy(SETTINGS)
    relay, budget = wiring.relay_policy(SETTINGS), wiring.retry_budget(SETTINGS)
    client, worker = wiring.http_timeouts(SETTINGS), wiring.upstream_timeouts(SETTINGS)
    limits = wiring.http_limits(SETTINGS)

    assert (store.lease_ttl, store.affinity_ttl, store.affinity_limit) == (30, 11, 12)
    assert (pool.spill_after, pool.queue.max_requests, pool.queue.max_bytes) == (4, 5, 6)
    assert pool.queue.max_wait == 7
    assert (relay.gate, relay.ping, relay.expose_account) == (27, 28, True)
    assert (budget.ratio, budget.floor) == (0.2, 2)
    assert (client.header, client.body_idle, client.keep_alive, client.stall) == (21, 22, 23, 24)
    assert (worker.connect, worker.first_byte, worker.stream_idle) == (25, 26, 29)
    assert (limits.body, limits.head) == (1000, 2000)
    recovery = wiring.recovery_policy(SETTINGS)
    assert (recovery.every, recovery.model) == (1000, "cheap")


def test_a_shared_store_is_told_its_keys_and_how_long_it_may_take():
    link = Link(StoreAddress.parse("redis://r"), timeout=0.5)
    policy = wiring.redis_policy(SharedStore(link, prefix="team"))

    assert (policy.pool, policy.timeout) == ("team", 0.5)

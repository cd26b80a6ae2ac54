"""What each part is told of the settings, in its own words."""

from proxy.config import Settings, SharedStore
from proxy.core.retry import RetryBudget
from proxy.forward import RelayPolicy
from proxy.http1.server import HttpLimits, HttpTimeouts
from proxy.http1.upstream import UpstreamTimeouts
from proxy.pool import PoolPolicy, QueuePolicy
from proxy.recovery import RecoveryPolicy
from proxy.store.base import StorePolicy
from proxy.store.redis import RedisPolicy


def store_policy(settings: Settings) -> StorePolicy:
    affinity = settings.affinity
    return StorePolicy(settings.gate.lease_ttl, affinity.ttl, affinity.max_sessions)


def redis_policy(store: SharedStore) -> RedisPolicy:
    return RedisPolicy(store.prefix, store.link.timeout)


def renew_every(settings: Settings) -> float:
    """Leases are renewed at a third of their life, so that two renewals may fail."""
    return settings.gate.lease_ttl / 3


def pool_policy(settings: Settings) -> PoolPolicy:
    queue = settings.queue
    return PoolPolicy(
        spill_after=settings.gate.spill_after,
        renew_every=renew_every(settings),
        queue=QueuePolicy(queue.max_requests, queue.max_bytes, queue.max_wait),
    )


def relay_policy(settings: Settings) -> RelayPolicy:
    times = settings.timeouts
    return RelayPolicy(times.first_content, times.ping, settings.expose_account)


def retry_budget(settings: Settings) -> RetryBudget:
    return RetryBudget(settings.retries.share, settings.retries.floor)


def recovery_policy(settings: Settings) -> RecoveryPolicy:
    return RecoveryPolicy(settings.probing.every, model=settings.probing.model)


def http_limits(settings: Settings) -> HttpLimits:
    return HttpLimits(head=settings.limits.header, body=settings.limits.body)


def http_timeouts(settings: Settings) -> HttpTimeouts:
    times = settings.timeouts
    return HttpTimeouts(
        header=times.client_header,
        body_idle=times.client_body_idle,
        keep_alive=times.client_idle,
        stall=times.client_write,
    )


def upstream_timeouts(settings: Settings) -> UpstreamTimeouts:
    times = settings.timeouts
    return UpstreamTimeouts(
        connect=times.connect, first_byte=times.first_byte, stream_idle=times.stream_idle
    )

"""The store that replicas share."""

from proxy.store.redis.store import RedisPolicy, RedisStore

__all__ = ["RedisPolicy", "RedisStore"]

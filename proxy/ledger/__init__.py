"""What clients have used: counted for their limits, and kept for the bill."""

from proxy.ledger.base import Ledger
from proxy.ledger.book import Book
from proxy.ledger.fallback import FallbackLedger
from proxy.ledger.memory import MemoryLedger
from proxy.ledger.redis import RedisLedger

__all__ = ["Book", "FallbackLedger", "Ledger", "MemoryLedger", "RedisLedger"]

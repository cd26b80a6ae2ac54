"""What the simulator received: kept for comparison, bounded in number and in bytes."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Record:
    """One request as it came. `ended_at` is None while it runs; `left`: the client went early."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    started_at: float
    number: int = 0
    account: str | None = None
    ended_at: float | None = None
    status: int | None = None
    fault: str | None = None
    events: int = 0
    left: bool = False

    @property
    def request_id(self) -> str:
        return f"req_sim{self.number:021}"

    @property
    def message_id(self) -> str:
        return f"msg_sim{self.number:021}"

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)


@dataclass(slots=True)
class Tally:
    """Sums that outlive their records. What is counted by account are model calls."""

    requests: int = 0
    left: int = 0
    by_account: Counter[str] = field(default_factory=Counter)
    in_flight: Counter[str] = field(default_factory=Counter)
    most_in_flight: Counter[str] = field(default_factory=Counter)


class Records:
    """The newest records. `on_change` is called whenever one begins, finds its account, or ends."""

    on_change: Callable[[], None]

    def __init__(self, most: int, most_bytes: int) -> None:
        self.tally = Tally()
        self.on_change = lambda: None
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._last = 0
        self._kept: deque[Record] = deque()

    def kept(self) -> list[Record]:
        """Oldest first."""
        return list(self._kept)

    def begin(self, record: Record) -> None:
        """Number it, and keep it while there is room."""
        self.tally.requests += 1
        self._last += 1
        record.number = self._last
        self._kept.append(record)
        self._bytes += len(record.body)
        while len(self._kept) > self._most or (self._bytes > self._most_bytes and self._kept):
            self._bytes -= len(self._kept.popleft().body)
        self.on_change()

    def belongs(self, record: Record, account: str) -> None:
        """The credential was known."""
        record.account = account
        tally = self.tally
        tally.by_account[account] += 1
        tally.in_flight[account] += 1
        tally.most_in_flight[account] = max(tally.most_in_flight[account], tally.in_flight[account])
        self.on_change()

    def end(self, record: Record, now: float) -> None:
        record.ended_at = now
        self.tally.left += record.left
        if record.account is not None:
            self.tally.in_flight[record.account] -= 1
        self.on_change()

    def clear(self) -> None:
        """Forget the past; what runs still counts as running."""
        running = +self.tally.in_flight
        self.tally = Tally(in_flight=running, most_in_flight=Counter(running))
        self._kept.clear()
        self._bytes = 0

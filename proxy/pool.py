"""The accounts and the one way to use them: rank → claim → hold → settle."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

import structlog

from proxy.admission import Admission, QueuePolicy
from proxy.claims import ClaimEvents, Claims, PoolPolicy
from proxy.core.account import ANY_MODEL, Account, AccountName, AccountState, ModelFamily, Window
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.forecast import Forecast
from proxy.core.verdict import Verdict
from proxy.errors import NoWorkerError
from proxy.roster import Roster
from proxy.store.base import Slot, Store
from proxy.waiter import Call

log = structlog.get_logger(__name__)

NOT_READY: Final = "not_ready"
"""The state of an account that is out of service."""

__all__ = [
    "NOT_READY",
    "AccountPool",
    "AccountStatus",
    "Call",
    "Lease",
    "PoolEvents",
    "PoolPolicy",
    "QueuePolicy",
]


class PoolEvents(ClaimEvents, Protocol):
    """What the pool tells of itself; `Metrics` satisfies it."""

    def account_rested(self, account: str, reason: str) -> None:
        """An account, or a model family on it, began to rest."""

    def account_woken(self, account: str) -> None:
        """A rest was ended before its time."""


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """What operators and metrics see of an account.

    `state` is `ready`, `probation`, `not_ready` (`detail` says why) or the reason of its rest.
    """

    name: AccountName
    state: str
    detail: str | None
    in_flight: int
    limit: int
    streak: int
    cooldowns: Mapping[ModelFamily, Cooldown]
    windows: Sequence[Window]


class Lease:
    """A request's hold on an account, from `async with` to the last byte.

    Its holder sets `verdict` (None stays for a client that left) and the `windows` that the answer
    told of. `account` and `slot` are there once it is entered.
    """

    __slots__ = ("_call", "_claims", "_roster", "_skip", "account", "slot", "verdict", "windows")

    account: Account
    slot: Slot
    verdict: Verdict | None
    windows: Sequence[Window]

    def __init__(
        self, claims: Claims, roster: Roster, call: Call, skip: Collection[AccountName]
    ) -> None:
        self._claims = claims
        self._roster = roster
        self._call = call
        self._skip = skip
        self.verdict = None
        self.windows = ()

    async def __aenter__(self) -> Self:
        self.slot = await self._claims.take(self._call, self._skip)
        self.account = self._roster.known[self.slot.account]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._claims.settle(self.slot, self.verdict)
        if self.windows:
            self._roster.observe(self.slot.account, self.windows)

    def answering(self) -> None:
        """Tell, at the first content, that the account serves: a canary need not end for that."""
        self._claims.prove(self.slot)


class _Ear:
    """Hears the store: passes on what operators count, and stirs those who wait.

    What is told of accounts that are not ours is nobody's concern here.
    """

    def __init__(self, roster: Roster, admission: Admission, events: PoolEvents) -> None:
        self._roster = roster
        self._admission = admission
        self._events = events

    def account_freed(self, account: AccountName) -> None:
        self._admission.stir(account)

    def account_rested(self, account: AccountName, reason: Reason) -> None:
        if account not in self._roster.accounts:
            return
        log.info("account rested", account=account, reason=reason)
        self._events.account_rested(account, reason)
        self._admission.stir(account)

    def account_woken(self, account: AccountName) -> None:
        if account not in self._roster.accounts:
            return
        log.info("account woken", account=account)
        self._events.account_woken(account)
        self._admission.stir(account)


class AccountPool:
    """All accounts. Entered for as long as it serves: leases are renewed and waiters served."""

    def __init__(
        self, store: Store, accounts: Iterable[Account], policy: PoolPolicy, events: PoolEvents
    ) -> None:
        self._store = store
        self._roster = Roster(accounts)
        self._claims = Claims(store, self._roster, policy, events)
        self._tasks = asyncio.TaskGroup()
        store.watch(_Ear(self._roster, self._claims.admission, events))

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._daemons = (
            self._tasks.create_task(self._claims.admission.run()),
            self._tasks.create_task(self._claims.renew_for_ever()),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        for daemon in self._daemons:
            daemon.cancel()
        try:
            await self._tasks.__aexit__(None, None, None)
        finally:
            self._claims.admission.refuse_all(
                lambda: NoWorkerError("The proxy is stopping.", retry_after=1)
            )

    @property
    def waiting(self) -> int:
        """How many requests wait for an account."""
        return self._claims.admission.waiting

    @property
    def forecast(self) -> Forecast:
        """How long a newcomer would wait."""
        return self._claims.admission.forecast

    def lease(self, call: Call, skip: Collection[AccountName] = ()) -> Lease:
        """Hold an account (none of `skip`) for the body of an `async with`.

        Entering raises AllLimitedError, NoWorkerError or QueueFullError.
        """
        return Lease(self._claims, self._roster, call, skip)

    def now(self) -> float:
        """The store's clock: the `now` of everything that is shared (epoch seconds)."""
        return self._claims.now()

    def observe(self, account: AccountName, windows: Sequence[Window]) -> None:
        """Take in what an account reports of its windows."""
        self._roster.observe(account, windows)

    def workers(self) -> tuple[Sequence[AccountName], bool]:
        """The accounts in service that are workers of ours, and whether that is all of them."""
        serving = self._roster.serving
        ours = [name for name, account in self._roster.accounts.items() if not account.plain]
        return [name for name in ours if name in serving], all(name in serving for name in ours)

    def set_ready(self, account: AccountName, *, ready: bool, reason: str = "") -> None:
        """Take an account out of service, for a reason in a word, or back in."""
        if self._roster.set_ready(account, None if ready else reason):
            why = {} if ready else {"reason": reason}
            log.info("account readiness changed", account=account, ready=ready, **why)
            self._claims.admission.stir()

    def set_slots(self, account: AccountName, most: int) -> None:
        """Take in how many requests the account's worker takes at once."""
        if self._roster.set_slots(account, most):
            self._claims.admission.stir()

    def replace(self, accounts: Iterable[Account]) -> None:
        """Serve with these accounts from now on; leases on others run to their end."""
        self._roster.replace(accounts)
        self._claims.admission.stir()

    def adjust(self, policy: PoolPolicy) -> None:
        """Go by this policy from now on; who waits already waits by the old one."""
        self._claims.adjust(policy)

    async def states(self) -> Sequence[AccountStatus]:
        """How every account stands."""
        snapshot = await self._store.snapshot()
        return tuple(
            self._status(account, snapshot.accounts.get(name), snapshot.now)
            for name, account in self._roster.accounts.items()
        )

    def _status(self, account: Account, seen: AccountState | None, now: float) -> AccountStatus:
        known = seen or AccountState(limit=account.concurrency)
        unready = self._roster.unready(account.name)
        rest = known.cooldown(ANY_MODEL, now)
        state = "probation" if known.probation else "ready"
        if rest is not None:
            state = rest.reason
        return AccountStatus(
            name=account.name,
            state=state if unready is None else NOT_READY,
            detail=unready,
            in_flight=known.in_flight,
            limit=known.limit,
            streak=known.streak,
            cooldowns=known.cooldowns,
            windows=self._roster.windows.get(account.name, ()),
        )

"""What operators do on the admin port: drain, enable and wake accounts, reload."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final

import msgspec
import structlog
from aiohttp import web

from proxy.core.account import ANY_MODEL, AccountName, ModelFamily
from proxy.core.cooldown import Cooldown, Reason
from proxy.guard import answer
from proxy.reload import Reload, Reloader, Result
from proxy.store.away import StoreAwayError
from proxy.store.base import Store

log = structlog.get_logger(__name__)

Rests = Mapping[ModelFamily, Cooldown]


class Action(StrEnum):
    """What can be done to an account."""

    DRAIN = "drain"
    DISABLE = "disable"
    ENABLE = "enable"
    WAKE = "wake"


_DRAINED: Final = (
    "takes no new requests, on no replica, until it is enabled; its sessions move;"
    " what runs there finishes"
)
EFFECTS: Final = {
    Action.DRAIN: _DRAINED,
    Action.DISABLE: _DRAINED,
    Action.ENABLE: "no longer drained; one request goes first",
    Action.WAKE: "rests no longer, unless drained; one request goes first",
}


class Acted(msgspec.Struct, frozen=True):
    """What was done; `changed` is false where it was so already."""

    account: str
    action: Action
    changed: bool
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """The actions. They are shared state: every replica obeys, and a restart forgets nothing.

    Without a `reloader` there is no configuration file to reload.
    """

    accounts: Callable[[], Collection[AccountName]]
    store: Store
    reloader: Reloader | None

    def routes(self) -> list[web.RouteDef]:
        """Where they are found; the admin port's guard stands before them."""
        return [
            web.post("/admin/api/accounts/{account}/{action}", self._act),
            web.post("/admin/api/reload", self._reload),
        ]

    async def _act(self, request: web.Request) -> web.Response:
        name = AccountName(request.match_info["account"])
        try:
            action = Action(request.match_info["action"])
        except ValueError:
            return answer({"error": f"an action is one of {', '.join(Action)}"}, 404)
        if name not in self.accounts():
            return answer({"error": "there is no account of this name"}, 404)
        try:
            changed = await self._change(name, action)
        except StoreAwayError:
            log.warning("operator refused", action=action, account=name, peer=request.remote)
            return answer({"error": "the shared store is away; try again"}, 503)
        log.info("operator acted", action=action, account=name, peer=request.remote, new=changed)
        return answer(Acted(name, action, changed, EFFECTS[action]))

    async def _change(self, name: AccountName, action: Action) -> bool:
        """Do it; False if there is nothing to do."""
        snapshot = await self.store.snapshot()
        state = snapshot.accounts.get(name)
        rests = {} if state is None else state.cooldowns
        if action in {Action.DRAIN, Action.DISABLE}:
            await self.store.rest(name, ANY_MODEL, Cooldown(inf, Reason.DRAINED))
            return not _drains(rests)
        ended = [f for f, rest in rests.items() if _ends(action, rest)]
        for family in ended:
            await self.store.wake(name, family, rests[family].reason)
        return bool(ended)

    async def _reload(self, request: web.Request) -> web.Response:
        if self.reloader is None:
            return answer({"error": "there is no configuration file to reload"}, 409)
        done = await self.reloader.reload("operator")
        log.info("operator acted", action="reload", peer=request.remote, result=done.result)
        return answer(done, _status(done))


def _drains(rests: Rests) -> bool:
    rest = rests.get(ANY_MODEL)
    return rest is not None and rest.reason is Reason.DRAINED


def _ends(action: Action, rest: Cooldown) -> bool:
    """Enabling ends a drain and nothing else, waking everything else."""
    return (rest.reason is Reason.DRAINED) == (action is Action.ENABLE)


def _status(done: Reload) -> int:
    return 422 if done.result is Result.REFUSED else 200

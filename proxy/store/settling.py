"""What the store is told at the end of a request: a verdict, as it touches the account."""

from typing import Final

from proxy.core.account import ANY_MODEL, ModelFamily
from proxy.core.cooldown import BackoffPolicy, Cooldown, Reason, cooldown_after
from proxy.core.verdict import CONSEQUENCES, Kind, Scope, Verdict
from proxy.store.base import Pressure, Settlement, Slot, Standing

NEUTRAL: Final = Settlement()
SERVED: Final = Settlement(proven=True, pressure=Pressure.CLEAN)

_DISPROVED: Final = {
    Kind.THROTTLED: Reason.BURST,
    Kind.WORKER_ERROR: Reason.FAILING,
    Kind.TIMEOUT: Reason.FAILING,
}
"""What sends a canary's account back to rest although it would rest nobody else."""


def settlement(
    verdict: Verdict | None, slot: Slot, now: float, policy: BackoffPolicy, fraction: float
) -> Settlement:
    """Decide what a request's end does to its account; None is a client that left.

    `fraction` of 0..1 spreads accounts that reset in the same second.
    """
    if verdict is None:
        return NEUTRAL
    if verdict.kind is Kind.OK:
        return SERVED
    cooldown = cooldown_after(verdict, slot.streak + 1, now, policy, fraction)
    disproved = _DISPROVED.get(verdict.kind) if slot.standing is Standing.CANARY else None
    if cooldown is None and disproved is not None:
        again = cooldown_after(Verdict(Kind.BURST), slot.streak + 1, now, policy, fraction)
        cooldown = again and Cooldown(again.until, disproved)
    return Settlement(
        cooldown=cooldown,
        family=_reach(verdict, slot.family),
        pressure=Pressure.BURST if verdict.kind is Kind.BURST else Pressure.NONE,
        failed=CONSEQUENCES[verdict.kind].counts or disproved is not None,
    )


def _reach(verdict: Verdict, family: ModelFamily) -> ModelFamily:
    if verdict.scope is Scope.MODEL or verdict.kind is Kind.MODEL_LIMIT:
        return family
    return ANY_MODEL

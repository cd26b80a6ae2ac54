"""Which rests may be over before their time, and how to find out."""

from collections.abc import Mapping
from typing import Final

import msgspec

from proxy.core.account import ANY_MODEL, ModelFamily
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.models import FAMILIES, OTHER

DOUBTED: Final = frozenset({Reason.QUOTA, Reason.MODEL_LIMIT, Reason.BILLING, Reason.AUTH})
"""What a provider, or whoever pays it, may lift at any time."""

_CHEAPEST_FIRST: Final = (*reversed(FAMILIES), OTHER)


def doubtful(
    cooldowns: Mapping[ModelFamily, Cooldown], beyond: float
) -> Mapping[ModelFamily, Cooldown]:
    """The rests that last beyond an instant and may be over already.

    Where the whole account rests, its families are not asked for.
    """
    whole = cooldowns.get(ANY_MODEL)
    asked = cooldowns if whole is None else {ANY_MODEL: whole}
    return {
        family: rest
        for family, rest in asked.items()
        if rest.reason in DOUBTED and rest.until > beyond
    }


def trial_model(
    family: ModelFamily, models: Mapping[ModelFamily, str], chosen: str | None
) -> str | None:
    """The model to ask for: for a family one of its own, for the account the cheapest.

    `models` has one that clients asked for of each family. None where there is none: then nobody
    misses what a recovery would give.
    """
    if family != ANY_MODEL:
        return models.get(family)
    return chosen or next((models[f] for f in _CHEAPEST_FIRST if f in models), None)


def trial_body(model: str) -> bytes:
    """The smallest request that a limit refuses: one token."""
    messages = [{"role": "user", "content": "hi"}]
    return msgspec.json.encode({"model": model, "max_tokens": 1, "messages": messages})

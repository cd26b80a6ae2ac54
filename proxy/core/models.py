"""Model families: a bounded set of names, however many models there are."""

from functools import lru_cache
from typing import Final

from proxy.core.account import ANY_MODEL, ModelFamily

FAMILIES: Final = tuple(map(ModelFamily, ("opus", "sonnet", "haiku", "fable")))
OTHER: Final = ModelFamily("other")


@lru_cache(maxsize=1024)
def model_family(model: str | None) -> ModelFamily:
    """The family a model belongs to; `other` for those of no family that we know."""
    name = (model or "").lower()
    return next((family for family in FAMILIES if family in name), OTHER)


@lru_cache(maxsize=256)
def window_family(window: str) -> ModelFamily:
    """The models a window is about: `seven_day_opus` is about opus, `seven_day` about all."""
    _, of_model, model = window.partition("seven_day_")
    return model_family(model) if of_model else ANY_MODEL

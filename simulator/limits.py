"""The header families in which a provider says how a plan stands."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil

from simulator.plans import Plan, Standing, Style

_PREFIX = "anthropic-ratelimit"
_SHORT = {"five_hour": "5h", "seven_day": "7d", "seven_day_overage_included": "7d_oi"}
_RANK = {"allowed": 0, "allowed_warning": 1, "rejected": 2}


def limit_headers(
    plan: Plan, style: Style, standings: Sequence[Standing], now: float
) -> dict[str, str]:
    """The headers of an answer, success or not. `style` is the plan's, AUTO already resolved."""
    match style:
        case Style.UNIFIED:
            return _unified([s for s in standings if s.name.startswith(("five_", "seven_"))], plan)
        case Style.KEY:
            return _by_unit(standings)
        case Style.OPENAI:
            return _openai(standings, now)
        case _:
            return {}


def _unified(standings: Sequence[Standing], plan: Plan) -> dict[str, str]:
    if not standings:
        return {}
    worst = max(standings, key=lambda s: (_RANK[s.status], s.utilization))
    in_use = plan.overage and worst.status == "rejected"
    headers = {
        f"{_PREFIX}-unified-status": worst.status,
        f"{_PREFIX}-unified-reset": str(ceil(worst.resets_at)),
        f"{_PREFIX}-unified-representative-claim": worst.name,
        f"{_PREFIX}-unified-fallback-percentage": "0.5",
        f"{_PREFIX}-unified-overage-status": "allowed" if plan.overage else "rejected",
        f"{_PREFIX}-unified-overage-in-use": str(in_use).lower(),
    }
    if not plan.overage:
        headers[f"{_PREFIX}-unified-overage-disabled-reason"] = "org_level_disabled"
    for standing in standings:
        headers |= _unified_window(standing)
    return headers


def _unified_window(standing: Standing) -> dict[str, str]:
    """A model's own week has no headers of its own: it shows as the representative claim."""
    if standing.name not in _SHORT:
        return {}
    prefix = f"{_PREFIX}-unified-{_SHORT[standing.name]}"
    headers = {
        f"{prefix}-status": standing.status,
        f"{prefix}-reset": str(ceil(standing.resets_at)),
        f"{prefix}-utilization": f"{standing.utilization:.4g}",
    }
    if standing.status == "allowed_warning":
        headers[f"{prefix}-surpassed-threshold"] = "0.8"
    return headers


def _by_unit(standings: Sequence[Standing]) -> dict[str, str]:
    headers = {}
    for standing in standings:
        if standing.name in {"requests", "tokens", "input_tokens", "output_tokens"}:
            prefix = f"{_PREFIX}-{standing.name.replace('_', '-')}"
            reset = datetime.fromtimestamp(ceil(standing.resets_at), UTC)
            headers[f"{prefix}-limit"] = f"{standing.budget:.0f}"
            headers[f"{prefix}-remaining"] = _remaining(standing)
            headers[f"{prefix}-reset"] = f"{reset:%Y-%m-%dT%H:%M:%SZ}"
    return headers


def _openai(standings: Sequence[Standing], now: float) -> dict[str, str]:
    headers = {}
    for standing in standings:
        if standing.name in {"requests", "tokens"}:
            headers[f"x-ratelimit-limit-{standing.name}"] = f"{standing.budget:.0f}"
            headers[f"x-ratelimit-remaining-{standing.name}"] = _remaining(standing)
            headers[f"x-ratelimit-reset-{standing.name}"] = _duration(standing.resets_at - now)
    return headers


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    minutes, rest = divmod(ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _remaining(standing: Standing) -> str:
    return f"{max(0, standing.budget - standing.used):.0f}"

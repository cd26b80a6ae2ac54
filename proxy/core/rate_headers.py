"""A client's own limits as headers: the IETF's, and those that its SDKs know."""

from collections.abc import Sequence
from math import ceil
from typing import Final

from proxy.core.dialect import Dialect
from proxy.core.instants import DAY, rfc_3339
from proxy.core.quota import MINUTE, Allowance, Limit

Headers = tuple[tuple[bytes, bytes], ...]

_UNITS: Final = {Limit.CONCURRENCY: ';qu="concurrent-requests"', Limit.TOKENS: ';qu="tokens"'}


def limit_headers(allowances: Sequence[Allowance], dialect: Dialect, now: float) -> Headers:
    """What is left of each limit, at the instant `now`; none for a client without limits."""
    if not allowances:
        return ()
    named = _anthropic if dialect is Dialect.MESSAGES else _openai
    sdk = [header for each in allowances for header in named(each, now)]
    return (
        (b"ratelimit-policy", ", ".join(map(_policy, allowances)).encode()),
        (b"ratelimit", ", ".join(map(_left, allowances)).encode()),
        *((name.encode(), value.encode()) for name, value in sdk),
    )


def _policy(allowance: Allowance) -> str:
    """A quota `q` for each window `w` (seconds); of a slow pace, one request a longer window."""
    most, window = int(allowance.most), ""
    if allowance.limit is Limit.REQUESTS:
        most, window = max(1, most), f";w={ceil(MINUTE / min(1.0, allowance.most))}"
    elif allowance.limit is Limit.TOKENS:
        window = f";w={DAY:.0f}"
    return f'"{allowance.limit}";q={most}{window}{_UNITS.get(allowance.limit, "")}'


def _left(allowance: Allowance) -> str:
    reset = "" if allowance.seconds is None else f";t={ceil(allowance.seconds)}"
    return f'"{allowance.limit}";r={allowance.left}{reset}'


def _anthropic(allowance: Allowance, now: float) -> list[tuple[str, str]]:
    if allowance.seconds is None:
        return []
    prefix = f"anthropic-ratelimit-{allowance.limit}"
    return [
        (f"{prefix}-limit", f"{allowance.most:.0f}"),
        (f"{prefix}-remaining", f"{allowance.left}"),
        (f"{prefix}-reset", rfc_3339(now + allowance.seconds)),
    ]


def _openai(allowance: Allowance, _: float) -> list[tuple[str, str]]:
    if allowance.seconds is None:
        return []
    return [
        (f"x-ratelimit-limit-{allowance.limit}", f"{allowance.most:.0f}"),
        (f"x-ratelimit-remaining-{allowance.limit}", f"{allowance.left}"),
        (f"x-ratelimit-reset-{allowance.limit}", f"{allowance.seconds:.3f}s"),
    ]

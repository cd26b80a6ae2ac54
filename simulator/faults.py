"""Everything a provider can do wrong, by name, and the orders to do it."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from simulator.errors import bad_request
from simulator.markers import Marker


class Evidence(StrEnum):
    """What a refusal says of limits: nothing, the windows as they stand, or one rejected."""

    NONE = "none"
    STANDING = "standing"
    REJECTED = "rejected"


class How(StrEnum):
    """How an answer goes wrong at a point of it. END is a clean end; DRIBBLE is byte by byte."""

    CUT = "cut"
    RESET = "reset"
    STALL = "stall"
    END = "end"
    ERROR = "error"
    DRIBBLE = "dribble"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A whole answer that is an error. Status 200 is a success in name only."""

    status: int
    kind: str
    message: str
    evidence: Evidence = Evidence.NONE
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Flaw:
    """`at`: head (before it), start (no event yet), mid, last (the terminal event), or a number."""

    how: How
    at: str = "mid"


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that has to happen now. `args` may name another `at`, `retry_after`, `reset`."""

    name: str
    effect: Refusal | Flaw
    args: Mapping[str, str]

    def seconds(self, name: str, default: float) -> float:
        try:
            return float(self.args.get(name, default))
        except ValueError as exc:
            raise bad_request(f"fault {self.name}: {name} is not a number") from exc


_LIMIT = "rate_limit_error"
_BAD = "invalid_request_error"
_API = "api_error"
FAULTS: Mapping[str, Refusal | Flaw] = {
    "rejected": Refusal(429, _LIMIT, "You have hit your limit.", Evidence.REJECTED),
    "burst": Refusal(429, _LIMIT, "Too many requests at once.", Evidence.STANDING),
    "throttled": Refusal(429, _LIMIT, "Please slow down."),
    "long_context": Refusal(
        429,
        _LIMIT,
        "Extra usage is required for long context requests.",
        code="long_context_credits_required",
    ),
    "529": Refusal(529, "overloaded_error", "Overloaded"),
    "overloaded": Refusal(529, "overloaded_error", "Overloaded"),
    "500": Refusal(500, _API, "Internal server error"),
    "502": Refusal(502, _API, "Bad gateway"),
    "503": Refusal(503, _API, "Service unavailable"),
    "504": Refusal(504, "timeout_error", "Gateway timeout"),
    "401": Refusal(401, "authentication_error", "OAuth token has expired."),
    "403": Refusal(403, "permission_error", "Your account may not use this."),
    "org_not_allowed": Refusal(
        403,
        "permission_error",
        "OAuth authentication is currently not allowed for this organization.",
    ),
    "credit": Refusal(400, _BAD, "Your credit balance is too low to access the Anthropic API."),
    "402": Refusal(402, "billing_error", "There is a billing issue with your account."),
    "too_long": Refusal(400, _BAD, "prompt is too long: 210000 tokens > 200000 maximum"),
    "400": Refusal(400, _BAD, "messages: the request is not valid"),
    "413": Refusal(413, "request_too_large", "Request exceeds the maximum size"),
    "404": Refusal(404, "not_found_error", "model: no such model"),
    "json_error": Refusal(200, _API, "Internal server error"),
    "refused": Flaw(How.RESET, "head"),
    "hang": Flaw(How.STALL, "head"),
    "cut": Flaw(How.CUT),
    "reset": Flaw(How.RESET),
    "stall": Flaw(How.STALL),
    "empty": Flaw(How.END, "start"),
    "no_stop": Flaw(How.END, "last"),
    "error_first": Flaw(How.ERROR, "start"),
    "error_mid": Flaw(How.ERROR),
    "dribble": Flaw(How.DRIBBLE),
}


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Put a fault in, `count` times (None: until cleared), where account and model agree."""

    fault: str
    count: int | None = None
    account: str | None = None
    model: str | None = None
    probability: float = 1
    args: dict[str, str] = {}

    def __post_init__(self) -> None:
        """A fault that does not exist would silently never happen."""
        if self.fault not in FAULTS:
            raise ValueError(f"fault: not one of {', '.join(FAULTS)}")

    def fits(self, account: str, model: str) -> bool:
        return self.account in {None, account} and (self.model is None or self.model in model)


class Faults:
    """The standing orders. Markers in the prompt come first; then the oldest order that fits."""

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._struck: Counter[Order | str] = Counter()
        self._draws = 0

    def add(self, order: Order) -> None:
        self._orders.append(order)

    def clear(self) -> None:
        self._orders.clear()
        self._struck.clear()

    def strike(self, account: str, model: str, markers: Iterable[Marker]) -> Strike | None:
        """The fault for this request, counted as used."""
        for marker in markers:
            if "fault" in marker.args and (strike := self._by_marker(account, marker)):
                return strike
        for order in self._orders:
            if order.fits(account, model) and self._drawn(order.probability):
                return self._by_order(order)
        return None

    def _by_marker(self, account: str, marker: Marker) -> Strike | None:
        name = marker.args["fault"]
        if name not in FAULTS:
            raise bad_request(f"simulator marker: no such fault: {name}")
        times = int(marker.args.get("times", 0))
        if marker.args.get("account", account) != account:
            return None
        if times and self._struck[marker.text] >= times:
            return None
        if times:
            self._struck[marker.text] += 1
        return Strike(name, FAULTS[name], marker.args)

    def _by_order(self, order: Order) -> Strike:
        if order.count is not None:
            self._orders.remove(order)
            if order.count > 1:
                self._orders.insert(0, msgspec.structs.replace(order, count=order.count - 1))
        return Strike(order.fault, FAULTS[order.fault], order.args)

    def _drawn(self, probability: float) -> bool:
        """Draw by a fixed sequence, so that a run can be repeated."""
        self._draws += 1
        digest = hashlib.sha256(str(self._draws).encode()).digest()
        return int.from_bytes(digest[:4]) < probability * 2**32

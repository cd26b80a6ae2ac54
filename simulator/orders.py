"""Who meets which fault: standing orders, and markers in the prompt."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from simulator.errors import bad_request
from simulator.faults import FAULTS, Flaw, Refusal
from simulator.markers import Marker


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that has to happen now, with arguments: `at`, `kind`, `window`, `reset`, headers."""

    name: str
    effect: Refusal | Flaw
    args: Mapping[str, str]

    def flaw(self) -> Flaw | None:
        """The flaw with what its arguments change, if it is one."""
        if not isinstance(self.effect, Flaw):
            return None
        at, kind = self.args.get("at", self.effect.at), self.args.get("kind", self.effect.kind)
        return Flaw(self.effect.how, at, kind)

    def headers(self) -> dict[str, str]:
        """Arguments with a dash in their names are headers of a refusal; "" takes one away."""
        return {name: value for name, value in self.args.items() if "-" in name}

    def number(self, name: str, default: float) -> float:
        try:
            return float(self.args.get(name, default))
        except ValueError as exc:
            raise bad_request(f"fault {self.name}: {name} is not a number") from exc


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
        self._struck: Counter[str] = Counter()
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
        for index, order in enumerate(self._orders):
            if order.fits(account, model) and self._drawn(order.probability):
                self._use_up(index, order)
                return Strike(order.fault, FAULTS[order.fault], order.args)
        return None

    def _by_marker(self, account: str, marker: Marker) -> Strike | None:
        name = marker.args["fault"]
        if name not in FAULTS:
            raise bad_request(f"simulator marker: no such fault: {name}")
        strike = Strike(name, FAULTS[name], marker.args)
        if marker.args.get("account", account) != account:
            return None
        if "times" in marker.args:
            self._struck[marker.text] += 1
            if self._struck[marker.text] > strike.number("times", 0):
                return None
        return strike

    def _use_up(self, index: int, order: Order) -> None:
        if order.count is None:
            return
        rest = msgspec.structs.replace(order, count=order.count - 1)
        self._orders[index : index + 1] = [rest] if order.count > 1 else []

    def _drawn(self, probability: float) -> bool:
        """Draw by a fixed sequence, so that a run can be repeated."""
        self._draws += 1
        digest = hashlib.sha256(str(self._draws).encode()).digest()
        return int.from_bytes(digest[:4]) < probability * 2**32

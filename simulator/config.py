"""The simulator's settings, read from YAML."""

from pathlib import Path

import msgspec

from simulator.plans import Plan, Window

_AMPLE = Plan(
    windows={
        "five_hour": Window(budget=1_000_000),
        "seven_day": Window(budget=10_000_000),
        "requests": Window(budget=100_000),
        "tokens": Window(budget=1_000_000_000, unit="tokens"),
    }
)


class Pacing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rate` is stream events a second (0: at once), `latency` seconds before the first byte.

    `tokens` is the length of an answer where the prompt does not decide it.
    """

    rate: float = 0
    latency: float = 0
    tokens: int = 24


class AccountConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One login. Without `keys` its credential is `sim-NAME`; `plan` names one of `plans`."""

    name: str
    keys: tuple[str, ...] = ()
    plan: str = "default"
    pacing: Pacing | None = None

    def credentials(self) -> tuple[str, ...]:
        return self.keys or (f"sim-{self.name}",)


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`open`: any other credential is an account of its own, on the plan `default`."""

    open: bool = False
    plans: dict[str, Plan] = {}
    accounts: tuple[AccountConfig, ...] = ()
    pacing: Pacing = Pacing()
    models: tuple[str, ...] = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")
    cache_ttl: float = 300
    max_records: int = 1000
    max_record_bytes: int = 33_554_432

    def __post_init__(self) -> None:
        """An account on a plan that is not there would fail at its first request only."""
        missing = {account.plan for account in self.accounts} - {*self.plans, "default"}
        if missing:
            raise ValueError(f"plans: not defined: {', '.join(sorted(missing))}")

    def plan(self, name: str) -> Plan:
        return self.plans.get(name, _AMPLE)


def load_config(path: Path) -> Config:
    """Raises msgspec.ValidationError, with the path of what is wrong."""
    return msgspec.yaml.decode(path.read_bytes(), type=Config)

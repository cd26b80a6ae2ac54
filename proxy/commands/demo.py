"""The demo fleet: a simulated provider, and three workers with plans of different size."""

import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import yaml

from proxy.commands.claude import find_claude, plain_environment
from proxy.commands.keys import new_key
from proxy.commands.supervisor import Program
from proxy.config import Address, Client, Login, LoginMethod, Settings, Timeouts

ACCOUNTS: Final = {"alice-max": "max", "bob-pro": "pro", "team-seat": "team"}
"""The demo's accounts, each with its plan."""

_PLANS: Final = {
    "max": {"five_hour": 900, "seven_day": 9000},
    "team": {"five_hour": 225, "seven_day": 2250},
    "pro": {"five_hour": 45, "seven_day": 450},
}
"""Requests that each window of a plan allows."""

_TIME_SCALE: Final = 60
"""A window of five hours lasts five minutes, so that its reset can be watched."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What to start, and the key that a client needs. `engine` is what the workers run."""

    settings: Settings
    simulator: Program
    key: str
    engine: str


def make_demo(provider: Address, folder: Path, engine: str) -> Demo:
    """Lay the demo out in a folder; the `best` engine is the real CLI where there is one."""
    key = new_key()
    if engine == "best":
        engine = "cli" if find_claude() else "api"
    login = _cli_login if engine == "cli" else _api_login
    settings = Settings(
        accounts=(),
        logins=tuple(login(name, f"http://{provider}") for name in ACCOUNTS),
        clients=(Client("demo", sha256(key.encode()).digest()),),
        timeouts=Timeouts(drain_dwell=0, drain=10),
        expose_account=True,
    )
    return Demo(settings, _simulator(provider, folder), key, engine)


def _cli_login(name: str, base_url: str) -> Login:
    token = {"oauth_token": f"sim-{name}"}
    return Login(name, LoginMethod.OAUTH_TOKEN, token, concurrency=4, base_url=base_url)


def _api_login(name: str, base_url: str) -> Login:
    key = {"api_key": f"sim-{name}"}
    return Login(name, LoginMethod.API_KEY, key, 4, engine="api", base_url=base_url)


def _simulator(address: Address, folder: Path) -> Program:
    plans = {
        name: {"windows": {w: {"budget": n} for w, n in sizes.items()}, "time_scale": _TIME_SCALE}
        for name, sizes in _PLANS.items()
    }
    accounts = [{"name": name, "plan": plan} for name, plan in ACCOUNTS.items()]
    pacing = {"rate": 40, "latency": 0.2, "tokens": 60}
    config = folder / "simulator.yaml"
    config.write_text(yaml.safe_dump({"plans": plans, "accounts": accounts, "pacing": pacing}))
    argv = (sys.executable, "-m", "simulator", "--listen", str(address), "--config", str(config))
    return Program("simulator", argv, plain_environment())

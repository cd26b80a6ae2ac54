"""Configuration: one YAML file and `HEADGATE_*` variables in, one frozen `Settings` out."""

from proxy.config.checks import digest_of
from proxy.config.load import load
from proxy.config.problems import ConfigError, Problem
from proxy.config.settings import (
    Address,
    Admin,
    Affinity,
    Client,
    Gate,
    Limits,
    Login,
    LoginMethod,
    Priority,
    Queue,
    Retries,
    Settings,
    Timeouts,
)

__all__ = [
    "Address",
    "Admin",
    "Affinity",
    "Client",
    "ConfigError",
    "Gate",
    "Limits",
    "Login",
    "LoginMethod",
    "Priority",
    "Problem",
    "Queue",
    "Retries",
    "Settings",
    "Timeouts",
    "digest_of",
    "load",
]
